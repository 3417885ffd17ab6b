"""Negatives made from positives: shuffled twins, or windows of a genome matched in GC and repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Skip
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.sequences import Sequences, concatenate, reverse_complement
from chiasma.encode.shuffle import shuffle
from chiasma.io.genome import Genome

_TRIES = 5
"""Redraws of a shuffle that equals its peak before the pair is given up."""
_ROUNDS = 30
"""Rounds of random windows for each width of bin."""
_DRAWS = 20_000
"""Windows drawn in a round, at least; four for each positive where there are more."""
_BATCH_BASES = 1 << 27
"""Bases looked at in a round, where one window for each positive has fewer."""


@dataclass(frozen=True)
class _Grid:
    """Bins of GC and of soft-masked share within which a window is like a positive.

    Attributes:
        gc_width: width of a GC bin.
        repeat_edges: upper edges of the bins of soft-masked share; what is above the last is one more.
    """

    gc_width: float
    repeat_edges: tuple[float, ...]

    def bins(self, gc: np.ndarray, repeat: np.ndarray) -> np.ndarray:
        """One integer for each pair of bins (interval,)."""
        rows = np.floor(gc / self.gc_width + 1e-9).astype(np.int64)
        return rows * 16 + np.searchsorted(self.repeat_edges, repeat, side="left")


# First tried, then relaxed: choices of ours.
_GRIDS = (_Grid(0.02, (0.0, 0.25, 0.5, 0.75)), _Grid(0.06, (0.0, 0.5)))


@dataclass(frozen=True, eq=False)
class Negatives:
    """Negatives, and which positive each belongs to.

    Attributes:
        sequences: the negatives.
        positive: index of the positive that each was made from or matched to (negative,).
        paired: whether a negative and its positive form one unit.
        note: how they were made, in words.
        skips: positives that got none.
    """

    sequences: Sequences
    positive: np.ndarray
    paired: bool
    note: str
    skips: tuple[Skip, ...] = ()


def shuffled_twins(positives: Sequences, *, seed: int) -> Negatives:
    """One dinucleotide-preserving shuffle of each positive; those that have no other arrangement get none."""
    index = np.arange(len(positives))
    kept: list[np.ndarray] = []
    parts: list[Sequences] = []
    for attempt in range(_TRIES):
        if not len(index):
            break
        original = positives.take(index)
        twins = shuffle(original, seed=derive_seed(seed, "negatives", "twins", attempt))
        changed = np.add.reduceat((twins.codes != original.codes).astype(np.int64), original.offsets[:-1]) > 0
        kept.append(index[changed])
        parts.append(twins.take(changed))
        index = index[~changed]
    positive = np.concatenate(kept)
    order = np.argsort(positive)
    sequences = concatenate(parts).take(order)
    skips: tuple[Skip, ...] = ()
    if len(index):
        names = tuple(str(name) for name in positives.ids[index[:3]])
        skips = (Skip("no other arrangement has the same dinucleotides, so no twin", len(index), names),)
    note = f"{len(sequences)} dinucleotide-preserving shuffles of the positives, seed {seed}; a twin keeps both ends"
    return Negatives(sequences, positive[order], paired=True, note=note, skips=skips)


def matched_windows(positives: Sequences, genome: Genome, *, seed: int) -> Negatives:
    """One random window of the genome for each positive: as long, with like GC and like share of repeats.

    Windows overlap neither positives nor each other and hold no N. Repeats are the soft-masked (lower-case) stretches
    of the FASTA. GC is matched within bins of 2 points and repeats within five bins, then within wider ones; positives
    that still have no match are counted.

    Raises:
        InsufficientDataError: the positives have no coordinates, or no window could be matched.
    """
    places = positives.intervals
    if places is None:
        raise InsufficientDataError(
            "the positives have no coordinates, so windows that avoid them cannot be drawn",
            where="negatives = genome",
            expected="BED, narrowPeak or GFF positives, or FASTA headers like chr1:100-200",
            do="give --negatives shuffled, or positives with coordinates",
        )
    contig = genome.contig_indices(places.chrom)
    low = genome.offsets[np.maximum(contig, 0)] + places.start
    known = contig >= 0
    taken = merge(np.column_stack([low, low + places.lengths])[known])
    repeat = np.where(known, genome.share_masked(np.maximum(contig, 0), places.start, places.end), 0.0)
    gc = np.nan_to_num(positives.gc(), nan=0.5)
    found = np.full((len(positives), 2), -1, np.int64)
    rng = generator(seed, "negatives", "genome")
    for grid in _GRIDS:
        wanted = np.flatnonzero((found[:, 0] < 0) & (positives.lengths > 0))
        bins = grid.bins(gc[wanted], repeat[wanted])
        sizes = positives.lengths[wanted]
        taken = _fill(genome, taken, wanted=wanted, bins=bins, sizes=sizes, found=found, grid=grid, rng=rng)
    return _collect(positives, genome, found, rng=rng, seed=seed)


def _collect(
    positives: Sequences, genome: Genome, found: np.ndarray, *, rng: np.random.Generator, seed: int
) -> Negatives:
    where, start = found.T
    done = np.flatnonzero(where >= 0)
    if not len(done):
        raise InsufficientDataError(
            "no window of the genome matches any positive in length, GC and repeats without overlapping one",
            where=genome.source or None,
            do="give a larger genome, or --negatives shuffled",
        )
    lengths = positives.lengths[done]
    names = np.array(genome.names, dtype=object)[where[done]]
    places = positives.intervals
    stranded = places is not None and bool((places.strand != 0).any())
    strand = rng.choice(np.array([-1, 1], np.int8), len(done)) if stranded else np.zeros(len(done), np.int8)
    intervals = make_intervals(names, start[done], start[done] + lengths, strand=strand)
    sequences = _cut(genome, where[done], intervals)
    missed = np.flatnonzero(where < 0)
    skips: tuple[Skip, ...] = ()
    if len(missed):
        examples = tuple(str(name) for name in positives.ids[missed[:3]])
        skips = (Skip("no genome window left with like GC and repeats: positive without a matched negative",
                      len(missed), examples),)  # fmt: skip
    note = (
        f"{len(done)} windows of {genome.source.rsplit('/', 1)[-1]}, matched to the positives in length, GC "
        f"(within {_GRIDS[0].gc_width:.0%} to {_GRIDS[-1].gc_width:.0%}) "
        f"and soft-masked share, overlapping none, seed {seed}"
    )
    return Negatives(sequences, done, paired=False, note=note, skips=skips)


def _cut(genome: Genome, contig: np.ndarray, intervals: Intervals) -> Sequences:
    """The bases of intervals on known contigs, those of one length together."""
    lengths = intervals.lengths
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    codes = np.empty(offsets[-1], np.uint8)
    order = np.argsort(lengths, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        size = int(lengths[rows[0]])
        bases = genome.slices(contig[rows], intervals.start[rows], size)
        minus = intervals.strand[rows] < 0
        bases[minus] = reverse_complement(bases[minus])
        codes[offsets[rows][:, None] + np.arange(size)] = bases
    return Sequences(intervals.names, codes, offsets, intervals)


def _fill(
    genome: Genome,
    taken: np.ndarray,
    *,
    wanted: np.ndarray,
    bins: np.ndarray,
    sizes: np.ndarray,
    found: np.ndarray,
    grid: _Grid,
    rng: np.random.Generator,
) -> np.ndarray:
    """Find windows for the positives `wanted`, of their `sizes` and in their `bins`, all lengths together.

    Writes contig and start to `found` (positive, 2); returns the stretches taken by now (run, 2).
    """
    open_row = np.arange(len(wanted))
    for _ in range(_ROUNDS):
        if not len(open_row):
            break
        contig, begin, size = _draw(genome, sizes[open_row], rng)
        low = genome.offsets[contig] + begin
        free = ~overlaps(taken, low, low + size)
        contig, begin, size, low = contig[free], begin[free], size[free], low[free]
        strong, unknown = _count()(genome.codes, low, size)
        share = genome.share_masked(contig, begin, begin + size)
        # A bin is below 1024, so that length and bin make one number.
        offered = np.where(unknown == 0, grid.bins(strong / size, share) + size * 1024, -1)
        chosen, met = _match(bins[open_row] + sizes[open_row] * 1024, offered)
        apart = _apart(low[chosen], size[chosen])
        chosen, met = chosen[apart], met[apart]
        if not len(met):
            continue
        found[wanted[open_row[met]]] = np.column_stack([contig[chosen], begin[chosen]])
        taken = merge(np.concatenate([taken, np.column_stack([low[chosen], low[chosen] + size[chosen]])]))
        open_row = np.delete(open_row, met)
    return taken


def _draw(genome: Genome, sizes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contig, start and length of random windows (window,), several of each size, all places equally likely."""
    times = max(4, _DRAWS // len(sizes))
    times = max(1, min(times, _BATCH_BASES // int(sizes.sum())))
    size = np.repeat(sizes, times)
    roomy = np.flatnonzero(genome.lengths >= sizes.min())
    if not len(roomy):
        return roomy, roomy, roomy
    edges = np.concatenate([[0], np.cumsum(genome.lengths[roomy])])
    place = rng.integers(0, edges[-1], len(size))
    index = np.searchsorted(edges, place, side="right") - 1
    contig, begin = roomy[index], place - edges[index]
    fits = begin + size <= genome.lengths[contig]
    return contig[fits], begin[fits], size[fits]


@cache
def _count() -> Any:
    from numba import njit

    @njit(nogil=True)
    def count(codes, low, size):  # type: ignore[no-untyped-def]
        """How many bases of each stretch are G or C, and how many unknown."""
        strong, unknown = np.zeros(len(low), np.int64), np.zeros(len(low), np.int64)
        for row in range(len(low)):
            for place in range(low[row], low[row] + size[row]):
                code = codes[place]
                strong[row] += (code == 1) | (code == 2)
                unknown[row] += code == 4
        return strong, unknown

    return count


def _match(wanted: np.ndarray, offered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (offered, wanted) of equal bins, each used once: the i-th of a bin goes to the i-th of that bin."""
    _, code = np.unique(np.concatenate([wanted, offered]), return_inverse=True)
    wanted, offered = code[: len(wanted)], code[len(wanted) :]
    want_order, offer_order = np.argsort(wanted, kind="stable"), np.argsort(offered, kind="stable")
    want_rank, offer_rank = _rank(wanted[want_order]), _rank(offered[offer_order])
    want_key = wanted[want_order] * (1 << 32) + want_rank
    offer_key = offered[offer_order] * (1 << 32) + offer_rank
    _, offer, want = np.intersect1d(offer_key, want_key, assume_unique=True, return_indices=True)
    return offer_order[offer], want_order[want]


def _rank(ordered: np.ndarray) -> np.ndarray:
    """Place of each value among its equals, in a sorted array."""
    first = np.searchsorted(ordered, ordered, side="left")
    return np.arange(len(ordered)) - first


def _apart(low: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Mask of stretches that begin where none to their left reaches."""
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate((low + size)[order])
    keep = np.ones(len(low), bool)
    keep[order[1:]] = low[order[1:]] >= reach[:-1]
    return keep


def merge(runs: np.ndarray) -> np.ndarray:
    """Sorted union of stretches (run, 2)."""
    if not len(runs):
        return np.zeros((0, 2), np.int64)
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    reach = np.maximum.accumulate(runs[:, 1])
    first = np.concatenate([[True], runs[1:, 0] > reach[:-1]])
    return np.column_stack([runs[first, 0], np.maximum.reduceat(runs[:, 1], np.flatnonzero(first))])


def overlaps(merged: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whether each stretch shares a base with a sorted union of stretches (stretch,)."""
    if not len(merged):
        return np.zeros(len(start), bool)
    index = np.searchsorted(merged[:, 0], end, side="left") - 1
    return (index >= 0) & (merged[np.maximum(index, 0), 1] > start)
