"""`weights check`: whether a published checkpoint computes on this machine what it should."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InputError
from chiasma.core.files import read_json
from chiasma.data.tracks import Tracks
from chiasma.io.catalogue import resolve
from chiasma.io.download import file_digest
from chiasma.workflow.weights.catalogue import Golden, PublishedWeights, find_weights
from chiasma.workflow.weights.convert import STEM, Loaded, load_published, track_table
from chiasma.workflow.weights.get import key_counts, read_record

_NEAR = 1e-3
"""Relative difference that the order of additions on another machine may make, with room."""


@dataclass(frozen=True)
class Finding:
    """One thing checked.

    Attributes:
        check: what.
        ok: whether it holds; None where it could not be tried.
        got: what was found.
        expected: what should be.
    """

    check: str
    ok: bool | None
    got: str
    expected: str


def check_weights(name: str, *, device: str = "auto") -> list[dict[str, Any]]:
    """Digest, keys, shape, finite and positive values, determinism, track tables, and golden values where known.

    Args:
        name: of a checkpoint that was fetched.
        device: auto, cpu, cuda or mps.

    Returns:
        one record a check: check, ok (None where it could not be tried), got, expected.

    Raises:
        UsageError: no such name. NotTrainedError: not fetched. InputError: the converted file is damaged.
    """
    entry = find_weights(name)
    if not entry.available:
        load_published(entry)  # raises, saying how to fetch it
    found = [_digest(entry), _keys(entry)]
    for head in entry.config().tracks:
        loaded = load_published(entry, head)
        golden = entry.golden if head == next(iter(entry.config().tracks)) else None
        found += list(_computed(loaded, golden, device))
        found.append(_table(entry, head, len(loaded.names)))
        if golden is not None:
            found.append(_pearson(entry, golden, loaded, device))
    return [asdict(one) for one in found]


def _digest(entry: PublishedWeights) -> Finding:
    got = file_digest(entry.folder / f"{STEM}.safetensors", "sha256")
    expected = read_record(entry).get("converted_sha256")
    if expected is None:
        return Finding("converted file", None, got, "a digest recorded at conversion")
    return Finding("converted file", got == expected, f"sha256 {got}", f"sha256 {expected}")


def _table(entry: PublishedWeights, head: str, tracks: int) -> Finding:
    """Whether a track table fits, and is the one that was fetched."""
    table, reason = track_table(entry, head, tracks)
    name, expected = f"{head}: track table", f"{tracks} tracks"
    if table is None:
        return Finding(name, None, reason, expected)
    recorded = read_record(entry).get("tables", {}).get(head, {}).get("sha256")
    if recorded in (None, got := file_digest(entry.table_path(head), "sha256")):
        return Finding(name, True, f"{len(table)} tracks", expected)
    return Finding(name, False, f"sha256 {got}", f"sha256 {recorded}")


def _keys(entry: PublishedWeights) -> Finding:
    keys = read_json(entry.folder / f"{STEM}.json")["keys"]
    return Finding("keys", not keys["missing"], f"{keys['format']}: {key_counts(keys)}", "none missing")


def _computed(loaded: Loaded, golden: Golden | None, device: str) -> Iterator[Finding]:
    """What the network makes of a fixed sequence, twice."""
    x = fixed_sequence(loaded.length)[None]
    first, second = (outputs(loaded, x, device) for _ in range(2))
    wanted = (1, loaded.bins, len(loaded.names))
    yield Finding(f"{loaded.head}: shape", first.shape == wanted, str(first.shape), str(wanted))
    strange = int((~np.isfinite(first)).sum())
    yield Finding(f"{loaded.head}: finite", not strange, f"{strange} of {first.size:,} are not", "all")
    if strange:
        return
    lowest, mean, highest = first.min(), first.mean(dtype=np.float64), first.max()
    got = f"{lowest:.4g} to {highest:.4g}, mean {mean:.6g}"
    yield Finding(f"{loaded.head}: positive", bool(lowest >= 0 and highest > lowest), got, "0 or more, not all alike")
    if golden is not None:
        near = bool(abs(mean - golden.mean) <= _NEAR * golden.mean)
        yield Finding(f"{loaded.head}: golden mean", near, f"{mean:.6g}", f"{golden.mean} within {_NEAR:.1%}")
    same = np.array_equal(first, second)
    got = "to the bit" if same else f"largest difference {np.abs(first - second).max():.3g}"
    yield Finding(f"{loaded.head}: same twice", same, got, "to the bit")


def fixed_sequence(length: int) -> np.ndarray:
    """Codes of a sequence that is the same with every version of every library (position,)."""
    return np.frombuffer(hashlib.shake_128(b"chiasma").digest(length), np.uint8) & 3


def outputs(loaded: Loaded, codes: np.ndarray, device: str) -> np.ndarray:
    """Tracks (batch, bin, track) of codes (batch, position)."""
    import torch

    from chiasma.explain.onehot import evaluating, one_hot
    from chiasma.fit.devices import pick_device

    chosen = pick_device(device)
    network = loaded.network.to(chosen)
    with evaluating(network), torch.no_grad():
        return np.asarray(network(one_hot(codes, device=chosen)).float().cpu().numpy())


def _pearson(entry: PublishedWeights, golden: Golden, loaded: Loaded, device: str) -> Finding:
    """Mean Pearson over tracks on windows of a named dataset."""
    title = f"{loaded.head}: mean Pearson on {golden.dataset}, {golden.part}"
    expected = f"{golden.pearson} within {golden.tolerance}"
    try:
        folder = Path(resolve(golden.dataset, download=False)) / golden.folder
    except InputError as error:
        return Finding(title, None, error.what, expected)
    from chiasma.io.basenji_folder import read_basenji_folder
    from chiasma.metrics.tracks import pearson_by_track

    data = read_basenji_folder(folder, parts=[golden.part], squash=entry.squash)
    assert isinstance(data.x, Tracks)
    codes = data.x.codes
    windows = range(len(data))
    found = pearson_by_track(
        (data.target.values[row : row + 1], outputs(loaded, codes[row : row + 1], device)) for row in windows
    )
    value = float(found.mean())
    return Finding(title, abs(value - golden.pearson) <= golden.tolerance, f"{value:.4f}", expected)
