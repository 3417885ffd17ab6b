"""Data folders of Basenji and Borzoi: TFRecords of windows beside statistics.json, targets.txt and sequences.bed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError, MismatchError, list_some
from chiasma.data.dataset import Dataset, Target
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.sequences import UNKNOWN
from chiasma.data.track_table import Scale, TrackTable
from chiasma.data.tracks import Tracks
from chiasma.io.tfrecords import Feature, read_examples
from chiasma.io.track_store import keep_windows
from chiasma.io.tracks import read_track_table, require_fit

_NEEDED = ("num_targets", "seq_length", "pool_width", "crop_bp", "target_length")

_SLAB = 64
"""Windows whose targets are looked through at a time."""
_HALF = 1e-3
"""Share by which a number may exceed itself in half precision."""


@dataclass(frozen=True)
class _Geometry:
    """Of every window in a folder."""

    length: int
    bin: int
    crop: int
    bins: int
    tracks: int
    counts: Mapping[str, int]
    """Windows of each part, where the folder tells."""

    @property
    def bytes_each(self) -> int:
        """Of a window and its targets."""
        return self.length + 2 * self.bins * self.tracks


def read_basenji_folder(
    folder: Path | str,
    *,
    parts: Sequence[str] = ("train", "valid", "test"),
    squash: Scale | None = None,
    keep: Path | None = None,
    most: int = 256_000_000,
) -> Dataset:
    """Windows with their tracks; column `part` of the dataset holds the folder's own division.

    Args:
        folder: with statistics.json, targets.txt, tfrecords/PART-N.tfr and, where it is there, sequences.bed.
        parts: those to read.
        squash: order in which targets were squashed, where targets.txt does not say; see `read_track_table`.
        keep: folder in which windows that take more than `most` bytes are kept, read once and mapped from then on;
            its name must tell of these records. Where statistics.json does not count its windows they stay in memory.
        most: see keep.

    Raises:
        InputError, FormatError: something is missing, cut short, or of another shape than statistics.json says.
        MismatchError: targets.txt has more or fewer rows than the records have tracks, or a target is larger than the
            order of squashing lets any be.
    """
    folder = Path(folder)
    geometry = _geometry(folder / "statistics.json")
    table = read_track_table(folder / "targets.txt", squash=squash)
    require_fit(table, geometry.tracks, where=folder / "targets.txt")
    counts = [geometry.counts.get(name, 0) for name in parts]
    if keep is not None and all(counts) and sum(counts) * geometry.bytes_each > most:
        shape = (geometry.bins, geometry.tracks)
        fill = _Filling(_windows(folder, parts, geometry), sum(counts), folder)
        codes, values = keep_windows(keep, fill, windows=sum(counts), length=geometry.length, shape=shape)
        named = np.repeat(np.array(parts, dtype=object), counts)
    else:
        whole = list(_windows(folder, parts, geometry))
        named = np.array([name for name, _, _ in whole], dtype=object)
        codes, values = (np.stack([window[column] for window in whole]) for column in (1, 2))
    _require_within_clip(values, table, folder)
    intervals = _places(folder / "sequences.bed", named, geometry)
    count = len(codes)
    ids = np.array([f"window{row}" for row in range(count)], dtype=object) if intervals is None else intervals.names
    x = Tracks(codes, geometry.bin, geometry.crop, table, intervals)
    target = Target("regression", values, tuple(table.identifier), "squashed coverage of a bin")
    columns: dict[str, np.ndarray] = {"part": named}
    if intervals is not None:
        columns |= {"chrom": intervals.chrom, "start": intervals.start, "end": intervals.end}
    return Dataset(ids, x, target, np.arange(count), "window", columns)


def _require_within_clip(values: np.ndarray, table: TrackTable, folder: Path) -> None:
    """Raise where a target is beyond what clipping leaves: clip x scale in the old order, clip in the new one."""
    limit = table.clip * (table.scale if table.squash == "old" else 1.0)
    if np.isnan(limit).all():
        return
    largest = np.zeros(len(table))
    for start in range(0, len(values), _SLAB):
        found = np.abs(values[start : start + _SLAB]).max(axis=(0, 1), initial=0)
        largest = np.fmax(largest, found.astype(float))
    above = np.flatnonzero(largest > limit * (1 + _HALF))  # false where a track is not clipped
    if len(above):
        worst = above[np.argmax(largest[above] / limit[above])]
        other = "new" if table.squash == "old" else "old"
        raise MismatchError(
            f"targets are larger than the {table.squash} order of squashing lets any be",
            where=folder,
            got=f"{largest[worst]:g} in {table.identifier[worst]} ({len(above)} of {len(table)} tracks)",
            expected=f"at most {limit[worst]:g}" + (", clip x scale" if table.squash == "old" else ", clip"),
            do=f"give --squash {other}, or mend the column squash of targets.txt",
        )


_Window = tuple[str, np.ndarray, np.ndarray]
"""Part, codes (position,), targets (bin, track)."""


def _windows(folder: Path, parts: Sequence[str], geometry: _Geometry) -> Iterator[_Window]:
    """Every window, in the order of the parts and of their files."""
    for name in parts:
        for path in _files(folder / "tfrecords", name):
            for number, example in enumerate(read_examples(path)):
                where = f"{path}, record {number}"
                yield name, _codes(example, geometry, where), _targets(example, geometry, where)


class _Filling:
    """What `keep_windows` asks for, of windows that come one after another; those before the first asked are passed."""

    def __init__(self, windows: Iterator[_Window], count: int, folder: Path) -> None:
        self._windows, self._count, self._folder, self._at = windows, count, folder, 0

    def __call__(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        taken = list(islice(self._windows, start - self._at, stop - self._at))
        self._at = stop
        surplus = stop == self._count and next(self._windows, None) is not None
        if len(taken) < stop - start or surplus:
            raise MismatchError(
                "the records are not as many as statistics.json says",
                where=self._folder,
                got="more" if surplus else f"fewer than {stop:,}",
                expected=f"{self._count:,}",
                do="copy the folder again",
            )
        return np.stack([codes for _, codes, _ in taken]), np.stack([values for _, _, values in taken])


def _geometry(path: Path) -> _Geometry:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, do="give a folder that basenji_data or hound_data made") from error
    except ValueError as error:
        raise FormatError(
            "not JSON", where=path, got=error, expected="the statistics.json beside the records"
        ) from error
    if missing := [name for name in _NEEDED if name not in facts]:
        raise FormatError("facts of the data are missing", where=path, got=list_some(missing), expected=_NEEDED)
    length, width, crop = facts["seq_length"], facts["pool_width"], facts["crop_bp"]
    counts = {name.removesuffix("_seqs"): int(value) for name, value in facts.items() if name.endswith("_seqs")}
    found = _Geometry(length, width, crop // width, facts["target_length"], facts["num_targets"], counts)
    if (length - 2 * crop) // width != found.bins or crop % width:
        raise FormatError(
            "the lengths contradict each other",
            where=path,
            got=f"target_length {found.bins}",
            expected=f"(seq_length {length} - 2 x crop_bp {crop}) / pool_width {width}",
        )
    return found


def _files(folder: Path, part: str) -> list[Path]:
    """Files of a part in the order of their numbers, which is that of the windows in sequences.bed."""
    found = [
        (int(match[1]), path) for path in folder.glob(f"{part}-*.tfr") if (match := re.search(r"-(\d+)", path.stem))
    ]
    if not found:
        raise InputError(
            f"no records of part {part!r}", where=folder, expected=f"files {part}-0.tfr, {part}-1.tfr, ..."
        )
    return [path for _, path in sorted(found)]


def _bytes_of(example: dict[str, Feature], name: str, where: str) -> bytes:
    value = example.get(name)
    if not isinstance(value, bytes):
        raise FormatError(
            f"no bytes named {name!r}", where=where, got=list_some(example), expected="sequence and target"
        )
    return value


def _codes(example: dict[str, Feature], geometry: _Geometry, where: str) -> np.ndarray:
    """One byte a base, or four indicators a base; all zeros there is an unknown base."""
    raw = np.frombuffer(_bytes_of(example, "sequence", where), np.uint8)
    if len(raw) == geometry.length:
        return np.minimum(raw, UNKNOWN)
    if len(raw) != 4 * geometry.length:
        raise MismatchError(
            "the sequence has another length than statistics.json says",
            where=where,
            got=f"{len(raw):,} bytes",
            expected=f"{geometry.length:,} or four times that",
        )
    indicators = raw.reshape(geometry.length, 4)
    return np.where(indicators.any(axis=1), indicators.argmax(axis=1), UNKNOWN).astype(np.uint8)


def _targets(example: dict[str, Feature], geometry: _Geometry, where: str) -> np.ndarray:
    """float16 (bin, track)."""
    raw = np.frombuffer(_bytes_of(example, "target", where), "<f2")
    if len(raw) != geometry.bins * geometry.tracks:
        raise MismatchError(
            "the targets have another size than statistics.json says",
            where=where,
            got=f"{len(raw):,} numbers",
            expected=f"{geometry.bins:,} bins x {geometry.tracks:,} tracks",
        )
    return raw.reshape(geometry.bins, geometry.tracks)


def _places(path: Path, part: np.ndarray, geometry: _Geometry) -> Intervals | None:
    """Where the windows lie: sequences.bed gives the stretch with targets, or the whole window, in order of parts."""
    if not path.exists():
        return None
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen: list[list[str]] = []
    for name in dict.fromkeys(part):
        own, wanted = [row for row in rows if len(row) > 3 and row[3] == name], int((part == name).sum())
        if len(own) != wanted:
            raise MismatchError(
                f"windows of part {name!r} do not match the records",
                where=path,
                got=f"{len(own)} rows",
                expected=wanted,
            )
        chosen += own
    start, end = (np.array([int(row[column]) for row in chosen], np.int64) for column in (1, 2))
    core = geometry.bins * geometry.bin
    margin = (geometry.length - core) // 2 if (end - start == core).all() else 0
    return make_intervals(np.array([row[0] for row in chosen], dtype=object), start - margin, end + margin)
