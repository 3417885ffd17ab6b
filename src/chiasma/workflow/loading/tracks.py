"""Windows with tracks: from a folder of TFRecords, or from a FASTA and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.errors import InputError, UsageError, list_some
from chiasma.core.files import content_hash, text_hash
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.genomes import Genomes
from chiasma.data.intervals import Intervals
from chiasma.data.split import Split
from chiasma.data.track_table import Scale, TrackTable, plain_table
from chiasma.data.tracks import Tracks
from chiasma.encode.track_windows import fit_windows, lay_windows, summarise, targets_of
from chiasma.io.basenji_folder import read_basenji_folder
from chiasma.io.coverage import Coverage, absent_contigs, open_coverage
from chiasma.io.genome import Genome, cache_folder, open_genome
from chiasma.io.track_store import keep_windows
from chiasma.io.tracks import read_track_table

STRETCH = 131_072
"""Bases of a stretch whose windows are drawn together, at most: neighbours are not independent. A hundredth of a small
genome, but four windows at least."""
REGION = 1_000_000
"""Bases of a region of which several genomes are made: a window lies wholly in one, so that regions can be divided
(Kelley 2020). Of a small genome a hundredth, but at least a window and four times its stretch with targets."""
IN_MEMORY = 256_000_000
"""Bytes of windows and targets above which they are kept on disk."""


def load_tracks(
    config: Any, inputs: Mapping[str, Any], *, own_split: bool, apart: bool = False
) -> tuple[Dataset, Split | None]:
    """Windows as a network reads them, with their tracks.

    Args:
        config: of the network: length, bin, crop.
        inputs: records (a folder of Basenji or Borzoi) or fasta with tracks (name to file) or track_table; squash.
        own_split: keep the folder's own division into train, valid and test.
        apart: lay the windows of a genome in regions that share no base, so that these can be divided.

    Raises:
        UsageError: neither or both kinds of input, or the order of squashing is not known.
        MismatchError: the windows, the table or the contigs do not fit.
        InputError, FormatError: a file cannot be read.
    """
    squash: Scale | None = inputs.get("squash")
    if squash not in (None, "old", "new"):
        raise UsageError(
            "not an order of squashing", where="--squash", got=squash, expected="old | new", do="give one of these"
        )
    geometry = {"length": config.length, "bin": config.bin, "crop": config.crop}
    records, fasta = inputs.get("records"), inputs.get("fasta")
    if (records is None) == (fasta is None):
        raise UsageError(
            "one kind of input is needed",
            got="both" if records else "neither",
            expected="--records FOLDER, or --fasta GENOME with --tracks NAME=FILE or --track-table FILE",
            do="leave one out" if records else "give one of these",
        )
    if records is not None:
        if inputs.get("tracks") or inputs.get("track_table"):
            raise UsageError("records bring their own tracks", where="--records", do="leave --tracks out")
        return _from_records(Path(str(records)), geometry, squash=squash, own_split=own_split)
    table = _table(inputs, squash)
    return load_coverage(str(fasta), table, **geometry, apart=apart), None


def _from_records(
    folder: Path, geometry: Mapping[str, int], *, squash: Scale | None, own_split: bool
) -> tuple[Dataset, Split | None]:
    if not folder.is_dir():
        raise UsageError(
            "records are a folder",
            where="--records",
            got=folder,
            expected="statistics.json, targets.txt, tfrecords/",
            do="name the folder that holds these",
        )
    keep = cache_folder() / "windows" / _records_identity(folder)
    dataset = read_basenji_folder(folder, squash=squash, keep=keep, most=IN_MEMORY)
    notes = {"records": folder.name, "squashed": dataset.x.table.squash}  # type: ignore[union-attr]
    found = fit_windows(replace(dataset, notes={**dataset.notes, **notes}), **geometry)
    if not own_split:
        return found, None
    return found, Split("given", found.ids, found.columns["part"], {"by": "the folder's own parts"}, blocks=found.unit)


def _records_identity(folder: Path) -> str:
    """A name for the windows of a folder of records: their files' names, sizes and times."""
    files = sorted([folder / "statistics.json", *folder.glob("tfrecords/*.tfr")])
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.exists()]
    return text_hash(str(folder.resolve()), *map(str, facts))[:24]


def _table(inputs: Mapping[str, Any], squash: Scale | None) -> TrackTable:
    """What the tracks are: a table of them, or plain means of the files named."""
    files, path = inputs.get("tracks"), inputs.get("track_table")
    if (files is None) == (path is None):
        raise UsageError(
            "tracks are needed with a genome",
            got="both" if files else "neither",
            expected="--tracks NAME=FILE (repeated), or --track-table FILE with columns identifier, file, ...",
            do="leave one out" if files else "give one of these",
        )
    if path is not None:
        table = read_track_table(path, squash=squash)
        beside = [str(Path(path).parent / name) for name in table.file]  # an absolute path stays as it is
        return replace(table, file=np.array(beside, dtype=object))
    assert files is not None
    if not isinstance(files, Mapping):
        do = f"write --tracks NAME={files}"
        raise UsageError("each track needs a name", where="--tracks", got=files, expected="NAME=FILE", do=do)
    table = plain_table(list(files), [str(path) for path in files.values()])
    require_valid(table, where="--tracks", do="give each track a name of its own")
    return table


def load_coverage(fasta: str, table: TrackTable, *, length: int, bin: int, crop: int, apart: bool = False) -> Dataset:
    """Windows along a genome with the coverage of their bins; large ones are kept in the cache and mapped.

    Args:
        fasta: the genome.
        table: its tracks, each with its file.
        length: bases of a window.
        bin: bases of a bin.
        crop: bins at each end without targets.
        apart: see `load_tracks`.

    Raises:
        InputError, FormatError, MismatchError: see `open_coverage` and `absent_contigs`.
    """
    genome = open_genome(fasta)
    core = length - 2 * crop * bin
    size = max(length + 3 * core, min(REGION, int(genome.lengths.sum()) // 100)) if apart else None
    places, skips = lay_windows(genome, length=length, bin=bin, crop=crop, within=size)
    with ExitStack() as stack:
        tracks = [stack.enter_context(open_coverage(path)) for path in table.file]
        places, more = _covered(places, tracks, genome, table)
        shape = ((length - 2 * crop * bin) // bin, len(table))

        def fill(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            here = places.take(np.arange(start, stop))
            summaries = _summaries(here, tracks, table, bin=bin, crop=crop)
            return genome.windows(here), targets_of(summaries, table)

        if len(places) * (length + 2 * shape[0] * shape[1]) <= IN_MEMORY:
            codes, values = fill(0, len(places))
        else:
            folder = cache_folder() / "windows" / _identity(fasta, table, (length, bin, crop, size or 0))
            codes, values = keep_windows(folder, fill, windows=len(places), length=length, shape=shape)
    unit, unit_name = _stretches(places, genome, core) if size is None else _numbered(places, size, "region")
    return Dataset(
        ids=places.names,
        x=Tracks(codes, bin, crop, table, places),
        target=Target("regression", values, tuple(table.identifier), "coverage of a bin, as the table says"),
        unit=unit,
        unit_name=unit_name,
        columns={"chrom": places.chrom, "start": places.start, "end": places.end},
        skips=(*skips, *more),
        notes={"genome": Path(fasta).name, "statistic of a bin": ", ".join(sorted(set(table.sum_stat)))},
    )


def _stretches(places: Intervals, genome: Genome, core: int) -> tuple[np.ndarray, str]:
    """Stretch of each window (window,), and what it is called; of long windows each is its own."""
    size = min(STRETCH, max(4 * core, int(genome.lengths.sum()) // 100))
    if core >= size // 2:
        return np.arange(len(places)), "window"
    return _numbered(places, size, "stretch")


def _numbered(places: Intervals, size: int, what: str) -> tuple[np.ndarray, str]:
    """Which run of `size` bases each window begins in (window,), and what such a run is called."""
    names = [f"{chrom}:{start // size}" for chrom, start in zip(places.chrom, places.start.tolist())]
    return np.unique(np.array(names), return_inverse=True)[1].ravel(), f"{what} of {size:,} bases"


def _covered(
    places: Intervals, tracks: list[Coverage], genome: Genome, table: TrackTable
) -> tuple[Intervals, tuple[Skip, ...]]:
    """Windows on contigs that every track has, and those left out."""
    names = list(dict.fromkeys(places.chrom.tolist()))
    lost: dict[str, None] = {}
    for track, path in zip(tracks, table.file, strict=True):
        lost |= dict.fromkeys(absent_contigs(track, genome, names, where=path))
    if not lost:
        return places, ()
    out = np.isin(places.chrom.astype(str), list(lost))
    if out.all():
        raise InputError("no contig is in all tracks", got=list_some(lost), do="leave out the track that lacks them")
    skip = Skip("windows on contigs that a track does not have", int(out.sum()), tuple(list(lost)[:3]))
    return places.take(~out), (skip,)


def _summaries(places: Intervals, tracks: list[Coverage], table: TrackTable, *, bin: int, crop: int) -> np.ndarray:
    """Summary of each bin with a target (window, bin, track)."""
    rows = []
    for chrom, start, end in zip(places.chrom, places.start + crop * bin, places.end - crop * bin):
        columns = [
            summarise(track.values(chrom, int(start), int(end)), bin=bin, statistic=str(statistic))
            for track, statistic in zip(tracks, table.sum_stat, strict=True)
        ]
        rows.append(np.stack(columns, axis=-1))
    return np.stack(rows)


def _identity(fasta: str, table: TrackTable, geometry: tuple[int, ...]) -> str:
    """A name for the windows of these files, tables and lengths."""
    facts = [table.clip, table.clip_soft, table.scale, table.sum_stat, table.exponent]
    texts = [content_hash(fasta), *(content_hash(path) for path in table.file), table.squash, str(geometry)]
    return text_hash(*texts, *(str(column.tolist()) for column in facts))[:24]


def coverage_summary(dataset: Dataset) -> Dataset:
    """The dataset with the mean of each track over a window as its target, for splits and the audit.

    Of several genomes, whose tracks are not comparable, the mean over tracks as a rank within the genome, from 0 to 1.
    """
    if isinstance(dataset.x, Genomes):
        ranks = np.zeros((len(dataset), 1))
        for name in dataset.x.names:
            mean = np.array([np.asarray(row, np.float32).mean() for row in dataset.x.of(name).target.values])
            ranks[dataset.x.where(name), 0] = np.argsort(np.argsort(mean, kind="stable")) / max(len(mean) - 1, 1)
        return replace(dataset, target=Target("regression", ranks, ("coverage",), "rank within the genome"))
    values = np.stack([np.asarray(row, np.float32).mean(axis=0) for row in dataset.target.values])
    return replace(dataset, target=Target("regression", values, dataset.target.names, dataset.target.unit))
