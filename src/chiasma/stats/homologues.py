"""Windows of two genomes that an alignment says are one another's."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from chiasma.data.alignment import Alignment
from chiasma.data.contigs import bare_contig
from chiasma.data.intervals import Intervals


def homologous_pairs(
    first: Intervals, second: Intervals, *, alignment: Alignment, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of windows of which the shorter has at least `share` of its bases aligned to the other.

    Bases within an aligned stretch are taken to follow each other evenly.

    Args:
        first: windows of the alignment's first genome, all of one length.
        second: of its second genome.
        alignment: stretches in pairs.
        share: of the shorter window.

    Returns:
        Indices among `first` and among `second` (pair,).
    """
    rows, columns = _Places(first), _Places(second)
    shared: dict[tuple[int, int], float] = {}
    one, two = alignment.first, alignment.second
    stretches = zip(
        one.chrom, one.start.tolist(), one.end.tolist(), two.chrom, two.start.tolist(), two.end.tolist(),
        two.strand.tolist(), strict=True,
    )  # fmt: skip
    for chrom, start, end, other, begin, stop, strand in stretches:
        pace = (stop - begin) / (end - start)
        for row, low, high in rows.overlapping(chrom, start, end):
            ahead, behind = (low - start) * pace, (high - start) * pace
            left, right = (begin + ahead, begin + behind) if strand > 0 else (stop - behind, stop - ahead)
            for column, lower, upper in columns.overlapping(other, left, right):
                bases = (upper - lower) * min(1.0, 1.0 / pace)
                shared[row, column] = shared.get((row, column), 0.0) + bases
    least = share * min(rows.longest, columns.longest)
    found = [pair for pair, bases in shared.items() if bases >= least]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


class _Places:
    """Windows by contig, in order of their starts."""

    def __init__(self, windows: Intervals) -> None:
        self.longest = int(windows.lengths.max(initial=0))
        names = np.array([bare_contig(str(name)) for name in windows.chrom], dtype=object)
        self._by_contig: dict[str, tuple[list[int], list[int], list[int]]] = {}
        for name in dict.fromkeys(names):
            here = np.flatnonzero(names == name)
            here = here[np.argsort(windows.start[here], kind="stable")]
            self._by_contig[name] = (here.tolist(), windows.start[here].tolist(), windows.end[here].tolist())

    def overlapping(self, chrom: str, start: float, end: float) -> list[tuple[int, float, float]]:
        """Index of each window that a stretch touches, and the part of the stretch that lies on it."""
        if (held := self._by_contig.get(bare_contig(str(chrom)))) is None:
            return []
        index, begun, ended = held
        places = range(bisect_left(begun, start - self.longest), bisect_left(begun, end))
        return [(index[at], max(start, begun[at]), min(end, ended[at])) for at in places if ended[at] > start]
