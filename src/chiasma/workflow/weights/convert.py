"""From a published file to our own: read without unpickling, renamed, kept as safetensors, built again as a network."""

from __future__ import annotations

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chiasma.core.errors import FormatError, InputError, MismatchError, NotTrainedError, unknown_name
from chiasma.data.track_table import TrackTable
from chiasma.workflow.weights.catalogue import PublishedWeights

STEM = "published"
"""Of the converted file and its facts."""


_AGAIN = "delete the file and get it again; if it stays so, tell those who publish it"


@dataclass(frozen=True, eq=False)
class Loaded:
    """A published network at hand.

    Attributes:
        network: one-hot (batch, base, position) to (batch, bin, track) of one head.
        head: which.
        length: bases that it reads.
        bin: bases in a bin.
        bins: bins of the output.
        names: of the tracks.
        strand_pair: for each track the one of the other strand; None where no table says.
        facts: what was recorded at conversion.
    """

    network: Any
    head: str
    length: int
    bin: int
    bins: int
    names: tuple[str, ...]
    strand_pair: tuple[int, ...] | None
    facts: dict[str, Any]


def convert(entry: PublishedWeights, path: Path) -> dict[str, Any]:
    """Write the network's arrays and facts into the entry's folder.

    Returns:
        the report of its keys: format, mapped, dropped, duplicates, missing.

    Raises:
        FormatError: the file is not what it is said to be, or holds more than tensors.
        MismatchError: foreign or missing keys, other shapes; all are named.
    """
    from chiasma.fit.checkpoint import save_arrays

    config = entry.config()
    state, report = entry.module("weights").convert(read_published(path, entry.format), config, where=entry.name)
    report.require_complete(where=entry.name)
    arrays = {
        name: value.float().numpy() if value.is_floating_point() else value.numpy() for name, value in state.items()
    }
    facts = {"name": entry.name, "method": f"{entry.wing}/{entry.method}", "config": config.model_dump(mode="json")}
    save_arrays(entry.folder, STEM, arrays, {**facts, "keys": asdict(report)})
    return asdict(report)


def read_published(path: Path, form: str) -> dict[str, Any]:
    """Tensors or arrays by name; nothing in the file is run.

    Raises:
        FormatError: not that format, cut short, or a pickle of more than tensors.
    """
    if form == "keras":
        from chiasma.io.keras_weights import read_keras_weights

        return dict(read_keras_weights(path))
    if form == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise FormatError("not a safetensors file, or cut short", where=path, got=error, do=_AGAIN) from error
    return _read_torch(path)


def _read_torch(path: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        got = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise FormatError(
            "not a file of tensors, or one that holds more than tensors, which is never run",
            where=path,
            got=got,
            expected="tensors by name, saved by torch",
            do=_AGAIN,
        ) from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise FormatError(
            "not tensors by name", where=path, got=type(found).__name__, expected="a state dict", do=_AGAIN
        )
    return found


def load_published(entry: PublishedWeights, head: str | None = None) -> Loaded:
    """The network of a checkpoint with one of its heads, by default the first.

    Raises:
        NotTrainedError: it was not fetched yet.
        UsageError: it has no such head.
        InputError: the converted file is damaged.
    """
    if not entry.available:
        raise NotTrainedError(
            "these published weights are not on this machine",
            where=entry.name,
            got=f"{entry.what}; {entry.megabytes:,.0f} MB, licence: {entry.licence}",
            do=f"chiasma weights get {entry.name}",
        )
    import torch

    from chiasma.fit.checkpoint import load_arrays

    arrays, facts = load_arrays(entry.folder, STEM)
    config = entry.module("config").Config.parse(facts["config"], source=f"{entry.folder}/{STEM}.json")
    head = head or next(iter(config.tracks))
    if head not in config.tracks:
        raise unknown_name(f"head of {entry.name}", head, config.tracks)
    config = config.replace(tracks={head: config.tracks[head]})
    with torch.device("meta"):
        network = entry.module("model").build(config).eval()
    wanted = network.state_dict().keys()
    if missing := sorted(wanted - arrays.keys()):
        raise InputError(
            "weights do not fit the model", where=entry.folder, got=f"{len(missing)} missing", do="get again"
        )
    network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in wanted}, assign=True)
    network.requires_grad_(False)
    table, _ = track_table(entry, head, config.tracks[head])
    names = (
        tuple(map(str, table.identifier)) if table else tuple(f"track{n}" for n in range(1, config.tracks[head] + 1))
    )
    pair = tuple(table.strand_pair.tolist()) if table else None
    bins = config.length // config.bin - 2 * config.crop
    return Loaded(network, head, config.length, config.bin, bins, names, pair, facts)


def track_table(entry: PublishedWeights, head: str, tracks: int) -> tuple[TrackTable | None, str]:
    """The table of a head's tracks, or None and the reason why there is none."""
    from chiasma.io.tracks import read_track_table, require_fit

    path = entry.table_path(head)
    if not path.exists():
        return None, "not on this machine" if head in entry.tables else "none is published"
    try:
        table = read_track_table(path, squash=entry.squash)
        require_fit(table, tracks, where=path)
    except (InputError, FormatError, MismatchError) as error:
        return None, str(error).splitlines()[0]
    return table, ""
