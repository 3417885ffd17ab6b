"""Windows with tracks for a network: laid along a genome, or cut from longer ones, with the bins it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.track_table import TrackTable
from chiasma.data.tracks import Tracks
from chiasma.encode.squash import squash, unsquash
from chiasma.io.genome import Genome

MOST_UNKNOWN = 0.25
"""Share of unknown bases above which a window is left out."""
_LARGEST = 65_504.0
"""Of float16."""
_STATISTICS: dict[str, Callable[..., Any]] = {
    "sum": np.sum,
    "mean": np.mean,
    "median": np.median,
    "max": np.max,
    "peak": np.mean,
}


def lay_windows(
    genome: Genome, *, length: int, bin: int, crop: int, within: int | None = None
) -> tuple[Intervals, tuple[Skip, ...]]:
    """Windows along every contig, the stretches that have targets end to end; each lies wholly on its contig.

    Args:
        genome: what they lie on.
        length: bases of a window.
        bin: bases of a bin.
        crop: bins at each end without targets.
        within: bases of the regions that contigs are cut into; a window lies wholly in one, so that windows of two
            regions share no base. None: windows overlap by what is cropped.

    Returns:
        Windows in the order of the genome, and what was left out: contigs shorter than a window, windows with more
        than `MOST_UNKNOWN` unknown bases.

    Raises:
        InsufficientDataError: nothing is left.
    """
    core = length - 2 * crop * bin
    starts = [_starts(int(size), length=length, core=core, within=within) for size in genome.lengths]
    short = [name for name, found in zip(genome.names, starts) if not len(found)]
    contig = np.repeat(np.arange(len(genome.names)), [len(found) for found in starts])
    start = np.concatenate(starts)
    unknown = genome.share_unknown(contig, start, start + length) > MOST_UNKNOWN
    names = np.array(genome.names, dtype=object)[contig[~unknown]]
    found = make_intervals(names, start[~unknown], start[~unknown] + length)
    skips = []
    if short:
        reason = f"contigs shorter than a window of {length:,} bases"
        skips.append(Skip(reason, len(short), tuple(short[:3])))
    if unknown.any():
        skips.append(Skip(f"windows with more than {MOST_UNKNOWN:.0%} unknown bases", int(unknown.sum())))
    if not len(found):
        raise InsufficientDataError(
            "no window fits on the genome",
            where=genome.source,
            got=f"contigs of at most {int(genome.lengths.max()):,} bases",
            expected=f"a contig of {length:,} bases or more",
            do="take a smaller --length (and --crop)",
        )
    return found, tuple(skips)


def _starts(size: int, *, length: int, core: int, within: int | None) -> np.ndarray:
    """Where the windows of a contig of `size` bases begin (window,)."""
    each = max(size, 1) if within is None else within
    found = [
        begin + np.arange((min(each, size - begin) - length) // core + 1) * core
        for begin in range(0, size, each)
        if min(each, size - begin) >= length
    ]
    return np.concatenate([np.zeros(0, np.int64), *found])


def summarise(coverage: np.ndarray, *, bin: int, statistic: str) -> np.ndarray:
    """One number a bin (..., bin) of coverage by base (..., base), before any power is taken.

    Args:
        coverage: a whole number of bins.
        bin: bases of a bin.
        statistic: of `SUM_STATS`; what follows `sum_` or `mean_` is the power that `squash` takes, as it makes a peak
            of a mean.
    """
    folded = coverage.reshape(*coverage.shape[:-1], -1, bin)
    return np.asarray(_STATISTICS[statistic.partition("_")[0]](folded, axis=-1))


def targets_of(summaries: np.ndarray, table: TrackTable) -> np.ndarray:
    """Targets float16 (..., bin, track) of summaries of the same shape, squashed as the table says."""
    return np.clip(squash(summaries, table), -_LARGEST, _LARGEST).astype(np.float16)


def fit_windows(dataset: Dataset, *, length: int, bin: int, crop: int) -> Dataset:
    """Windows and bins as a network reads and gives them, cut from longer windows whose bins are as fine or finer.

    Shorter windows are taken side by side from the stretch that has targets; those of one window stay one unit. Bins
    are joined as the table says they were made: their targets are taken back to coverage, summed, averaged, or their
    largest taken, and squashed again. What had been clipped stays so.

    Raises:
        MismatchError: the data have shorter windows, coarser bins, or no whole number of bins.
    """
    x = dataset.x
    assert isinstance(x, Tracks)
    if (x.length, x.bin, x.crop) == (length, bin, crop):
        return dataset
    core, held = length - 2 * crop * bin, x.bins * x.bin
    if bin % x.bin or core % x.bin or length > x.length or core > held:
        raise MismatchError(
            "the windows of the data do not fit the network",
            got=f"windows of {x.length:,} bases, {x.bins:,} bins of {x.bin} with targets",
            expected=f"{length:,} bases or more, {core:,} of them with targets, in bins that {bin} is a multiple of",
            do=f"set length, crop, and a tower that pools to {x.bin} bases or a multiple",
        )
    pieces = held // core
    margin = (x.length - held) // 2
    first = margin + (held - pieces * core) // 2 // x.bin * x.bin
    starts = first + np.arange(pieces) * core - crop * bin
    inside = (starts >= 0) & (starts + length <= x.length)
    starts = starts[inside]
    if not len(starts):
        starts = np.array([(x.length - length) // 2 // x.bin * x.bin])
    codes = np.stack([x.codes[:, start : start + length] for start in starts], axis=1).reshape(-1, length)
    begin = (starts + crop * bin - margin) // x.bin
    values = np.stack([dataset.target.values[:, b : b + core // x.bin] for b in begin], axis=1)
    values = values.reshape(len(codes), core // x.bin, -1)
    return _pieces(dataset, x, codes, join_bins(values, bin // x.bin, x.table), starts, bin=bin, crop=crop)


def _pieces(
    dataset: Dataset, x: Tracks, codes: np.ndarray, values: np.ndarray, starts: np.ndarray, *, bin: int, crop: int
) -> Dataset:
    """The dataset of the pieces, `len(starts)` from each window."""
    count, length = len(starts), codes.shape[1]
    whole = np.repeat(np.arange(len(dataset)), count)
    columns = {name: column[whole] for name, column in dataset.columns.items()}
    offset, places = np.tile(starts, len(dataset)), None
    if x.intervals is not None:
        begin = x.intervals.start[whole] + offset
        places = make_intervals(x.intervals.chrom[whole], begin, begin + length)
        columns |= {"start": places.start, "end": places.end}
    ids = np.array([f"{name}/{at}" for name, at in zip(dataset.ids[whole], offset)], dtype=object)
    notes = {**dataset.notes, "windows": f"{length:,} bases, {count} from each window of {x.length:,} in the data"}
    return replace(
        dataset,
        ids=ids if places is None else places.names,
        x=Tracks(codes, bin, crop, x.table, places),
        target=Target("regression", values, dataset.target.names, dataset.target.unit),
        unit=dataset.unit[whole],
        unit_name=dataset.unit_name if count == 1 else f"{dataset.unit_name} of {x.length:,} bases",
        columns=columns,
        notes=notes,
    )


def join_bins(values: np.ndarray, each: int, table: TrackTable) -> np.ndarray:
    """Targets (example, bin, track) of bins that are `each` of those given.

    Raises:
        MismatchError: a track is of medians, which cannot be joined.
    """
    if each == 1:
        return values
    summaries = unsquash(values, table).reshape(len(values), -1, each, values.shape[-1])
    kinds = np.array([str(name).partition("_")[0] for name in table.sum_stat])
    joined = np.where(kinds == "sum", summaries.sum(axis=2), summaries.mean(axis=2))
    joined = np.where(kinds == "max", summaries.max(axis=2), joined)
    if (kinds == "median").any():
        raise MismatchError("medians of bins cannot be joined", expected="a network with the bins of the data")
    return targets_of(joined, table)
