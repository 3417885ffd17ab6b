"""From intervals to sequences: fixed windows, extraction, and what falls off the edge."""

from __future__ import annotations

from typing import Literal

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, list_some
from chiasma.data.dataset import Skip
from chiasma.data.intervals import Intervals
from chiasma.data.sequences import UNKNOWN, Sequences, reverse_complement
from chiasma.io.genome import Genome

_SAMPLE = 200
"""Sequences compared with the genome to tell a wrong build."""
_SAME = 0.9
"""Share of bases that must agree; variants change fewer, another place leaves about a quarter."""

Outside = Literal["skip", "pad", "error"]
MOST_OUTSIDE = 0.5
"""Above this share of intervals on contigs that the genome lacks, the genome is taken to be the wrong one."""


def fixed_windows(intervals: Intervals, length: int) -> Intervals:
    """Windows of `length` bases around each summit, or midpoint where none was called.

    The anchor lies at index length // 2 of the window when read on the interval's own strand.
    """
    middle = (intervals.start + intervals.end) // 2
    summit = intervals.columns.get("summit")
    anchor = middle if summit is None else np.where(summit >= 0, summit, middle)
    start = np.where(intervals.strand < 0, anchor - (length - 1 - length // 2), anchor - length // 2)
    columns = dict(intervals.columns)
    return Intervals(intervals.chrom, start, start + length, intervals.strand, intervals.names, columns)


def extract(genome: Genome, intervals: Intervals, *, outside: Outside = "skip") -> tuple[Sequences, list[Skip]]:
    """Sequences of intervals, minus strands reverse-complemented, with what was left out.

    Args:
        genome: where to read.
        intervals: of any lengths.
        outside: what to do with intervals beyond a contig's edge: leave out, fill with N, or raise. Intervals on
            contigs that the genome lacks are left out, or raise.

    Returns:
        The sequences, their intervals set, and one Skip for each reason.

    Raises:
        MismatchError: more than half of the intervals are on contigs that the genome lacks, or all lie off it, which
            tells of a wrong reference; or, where asked for, any does.
    """
    contig = genome.contig_indices(intervals.chrom)
    known = contig >= 0
    length = genome.lengths[np.where(known, contig, 0)]
    beyond = known & ((intervals.start < 0) | (intervals.end > length))
    wholly = known & ((intervals.start >= length) | (intervals.end <= 0))
    drop_beyond = wholly if outside == "pad" else beyond
    _refuse_wrong_genome(genome, intervals, unknown=~known, off=~known | drop_beyond, outside=outside)
    skips = _skips(intervals, {"contig absent from the genome": ~known, "beyond the end of the contig": drop_beyond})
    keep = np.flatnonzero(known & ~drop_beyond)
    places = intervals.take(keep)
    return _read(genome, contig[keep], places), skips


def check_reference(genome: Genome, sequences: Sequences, *, where: object = None) -> None:
    """Compare sequences that carry coordinates with the genome at their places, in a sample of them.

    Raises:
        MismatchError: of those on the genome most differ from it, on either strand: another build or species.
    """
    places = sequences.intervals
    if places is None or not len(places):
        return
    inside = np.flatnonzero(genome.inside(places))
    sample = inside[:: max(1, len(inside) // _SAMPLE)]
    if not len(sample):
        return
    here = _read(genome, genome.contig_indices(places.chrom[sample]), places.take(sample))
    other = here.reverse_complemented()
    shares = []
    for row, index in enumerate(sample):
        given = sequences[int(index)]
        known = given < UNKNOWN
        shares.append(max((one[row][known] == given[known]).mean() if known.any() else 1.0 for one in (here, other)))
    wrong = np.array(shares) < _SAME
    if wrong.mean() > MOST_OUTSIDE:
        raise MismatchError(
            f"the sequences are not those of the genome at their coordinates: {wrong.sum()} of {len(sample)} differ",
            where=where,
            got=list_some(sequences.ids[sample][wrong], most=3),
            expected=f"the bases of {genome.source}",
            do="give the FASTA of the build that the coordinates are of",
        )


def _read(genome: Genome, contig: np.ndarray, places: Intervals) -> Sequences:
    sizes = places.lengths
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    codes = np.empty(int(offsets[-1]), np.uint8)
    for size in np.unique(sizes):
        # One length at a time: rows of a set with many lengths are few, and a set of one length is one block.
        rows = np.flatnonzero(sizes == size)
        block = genome.slices(contig[rows], places.start[rows], int(size))
        minus = places.strand[rows] < 0
        block[minus] = reverse_complement(block[minus])
        if len(rows) == len(places):
            codes = block.reshape(-1)
        else:
            codes[offsets[rows][:, None] + np.arange(size)] = block
    return Sequences(places.names, codes, offsets, places)


def _skips(intervals: Intervals, reasons: dict[str, np.ndarray]) -> list[Skip]:
    skips = []
    for reason, lost in reasons.items():
        if lost.any():
            names = [str(name) for name in intervals.names[lost][:3]]
            skips.append(Skip(reason, int(lost.sum()), tuple(names)))
    return skips


def _refuse_wrong_genome(
    genome: Genome, intervals: Intervals, *, unknown: np.ndarray, off: np.ndarray, outside: Outside
) -> None:
    if not len(intervals):
        raise InsufficientDataError("no intervals", where=genome.source or None, expected="one interval or more")
    wrong = bool(unknown.mean() > MOST_OUTSIDE or off.all())
    if not wrong and not (outside == "error" and off.any()):
        return
    raise MismatchError(
        f"{int(off.sum())} of {len(intervals)} intervals lie off the genome",
        where=genome.source or None,
        got=list_some(intervals.names[off], most=3),
        expected="intervals on the genome they were called on; contigs here: "
        + list_some(f"{name} ({size:,} bp)" for name, size in zip(genome.names, genome.lengths, strict=True)),
        do="give the FASTA of the same species and build" if wrong else "remove these intervals",
    )
