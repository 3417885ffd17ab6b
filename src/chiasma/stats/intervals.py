"""Overlaps among intervals, by sorted starts and ends: counting takes n log n, whatever the number of overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chiasma.data.contigs import bare_contig, contig_codes
from chiasma.data.intervals import Intervals


@dataclass(frozen=True)
class SelfOverlap:
    """How much a set of intervals lies on itself.

    Attributes:
        total: summed length, bases.
        union: bases covered at least once.
        pairs: pairs of intervals that share a base.
        involved: intervals that share a base with another one.
    """

    total: int
    union: int
    pairs: int
    involved: int

    @property
    def fold(self) -> float:
        """Mean depth over the covered bases: 1 where nothing overlaps."""
        return self.total / self.union if self.union else 1.0


def self_overlap(intervals: Intervals) -> SelfOverlap:
    """Total and union length of intervals, and how many pairs of them overlap."""
    total = union = pairs = involved = 0
    for index in _by_contig(intervals):
        start, end = _sorted(intervals, index)
        reach = np.maximum.accumulate(end)
        before = np.concatenate([[start[0]], reach[:-1]])
        total += int((end - start).sum())
        union += int(np.maximum(end - np.maximum(start, before), 0).sum())
        later = np.searchsorted(start, end, side="left") - np.arange(1, len(start) + 1)
        earlier = np.concatenate([[False], before[1:] > start[1:]])
        pairs += int(later.sum())
        involved += int(((later > 0) | earlier).sum())
    return SelfOverlap(total, union, pairs, involved)


def count_overlaps(queries: Intervals, targets: Intervals) -> np.ndarray:
    """How many targets each query shares a base with (query,)."""
    counts = np.zeros(len(queries), np.int64)
    contigs = {bare_contig(targets.chrom[index[0]]): index for index in _by_contig(targets)}
    for index in _by_contig(queries):
        others = contigs.get(bare_contig(queries.chrom[index[0]]))
        if others is None:
            continue
        begun = np.searchsorted(np.sort(targets.start[others]), queries.end[index], side="left")
        over = np.searchsorted(np.sort(targets.end[others]), queries.start[index], side="right")
        counts[index] = begun - over
    return counts


def find_overlap(queries: Intervals, targets: Intervals) -> np.ndarray:
    """Index of one target that each query shares a base with, -1 where there is none (query,)."""
    found = np.full(len(queries), -1, np.int64)
    contigs = {bare_contig(targets.chrom[index[0]]): index for index in _by_contig(targets)}
    for index in _by_contig(queries):
        others = contigs.get(bare_contig(queries.chrom[index[0]]))
        if others is None:
            continue
        others = others[np.argsort(targets.start[others], kind="stable")]
        start, end = targets.start[others], targets.end[others]
        reach = np.maximum.accumulate(end)
        farthest = np.maximum.accumulate(np.where(end == reach, np.arange(len(end)), 0))
        begun = np.searchsorted(start, queries.end[index], side="left") - 1
        hit = (begun >= 0) & (reach[begun] > queries.start[index])
        found[index[hit]] = others[farthest[begun[hit]]]
    return found


def _by_contig(intervals: Intervals) -> Iterator[np.ndarray]:
    """Indices of the non-empty intervals of each contig (chr1 and 1 are one), contigs in order of name."""
    usable = np.flatnonzero(intervals.end > intervals.start)
    if not len(usable):
        return
    _, contig = contig_codes(intervals.chrom[usable])
    order = np.argsort(contig, kind="stable")
    edges = np.flatnonzero(np.diff(contig[order])) + 1
    yield from np.split(usable[order], edges)


def _sorted(intervals: Intervals, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = index[np.argsort(intervals.start[index], kind="stable")]
    return intervals.start[order], intervals.end[order]
