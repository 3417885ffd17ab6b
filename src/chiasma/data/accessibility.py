"""Which bases of each contig can be called: merged stretches, 0-based and half-open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.data.contigs import bare_contig
from chiasma.data.intervals import Intervals


@dataclass(frozen=True, eq=False)
class Accessibility:
    """Accessible stretches.

    Attributes:
        starts: first bases of the stretches of each contig, sorted; contigs under their bare names (no chr).
        ends: bases after their last.
    """

    starts: dict[str, np.ndarray]
    ends: dict[str, np.ndarray]

    @property
    def contigs(self) -> list[str]:
        """Bare names of the contigs that have any accessible base."""
        return sorted(self.starts)

    def _below(self, contig: str, places: np.ndarray) -> np.ndarray:
        """Accessible bases of the contig before each place."""
        name = bare_contig(contig)
        places = np.asarray(places, np.float64)
        if name not in self.starts:
            return np.zeros(places.shape)
        starts, ends = self.starts[name], self.ends[name]
        before = np.concatenate([[0.0], np.cumsum(ends - starts)])
        index = np.searchsorted(starts, places, side="right")
        last = np.maximum(index - 1, 0)
        inside = np.where(index > 0, np.minimum(places, ends[last]) - starts[last], 0.0)
        return before[last] + inside

    def bases(self, contig: str, edges: np.ndarray) -> np.ndarray:
        """Accessible bases between each edge and the next (edge - 1,)."""
        return np.diff(self._below(contig, edges))

    def covers(self, contig: str, positions: np.ndarray) -> np.ndarray:
        """Whether each position is accessible (site,)."""
        name = bare_contig(contig)
        positions = np.asarray(positions, np.float64)
        if name not in self.starts:
            return np.zeros(positions.shape, bool)
        index = np.searchsorted(self.starts[name], positions, side="right") - 1
        return (index >= 0) & (positions < self.ends[name][np.maximum(index, 0)])

    def within(self, contig: str, start: float, end: float) -> np.ndarray:
        """Accessible stretches between two places, as bases from the first of these, int64 (stretch, 2)."""
        name = bare_contig(contig)
        if name not in self.starts:
            return np.zeros((0, 2), np.int64)
        low = int(np.searchsorted(self.ends[name], start, side="right"))
        high = int(np.searchsorted(self.starts[name], end, side="left"))
        found = np.column_stack([self.starts[name][low:high], self.ends[name][low:high]])
        return (np.clip(found, start, end) - start).astype(np.int64)

    def problems(self) -> list[str]:
        """All that is wrong: stretches that are empty, unsorted or overlap."""
        found = []
        for name, starts in self.starts.items():
            if (self.ends[name] <= starts).any():
                found.append(f"contig {name} has empty or reversed stretches")
            if (starts[1:] < self.ends[name][:-1]).any():
                found.append(f"contig {name} has stretches that overlap or are not sorted")
        return found


def accessibility(intervals: Intervals) -> Accessibility:
    """The union of intervals."""
    starts, ends = {}, {}
    names = np.array([bare_contig(str(name)) for name in intervals.chrom], object)
    for name in dict.fromkeys(names):
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(intervals.start[rows], kind="stable")]
        start, end = intervals.start[rows], np.maximum.accumulate(intervals.end[rows])
        # a stretch begins where no earlier one reaches
        first = np.concatenate([[True], start[1:] > end[:-1]])
        starts[name] = start[first]
        ends[name] = end[np.concatenate([first[1:], [True]])]
    return Accessibility(starts, ends)
