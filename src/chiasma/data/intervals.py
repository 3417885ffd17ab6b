"""Intervals on contigs, 0-based and half-open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Intervals:
    """Stretches of contigs.

    Attributes:
        chrom: contig name of each interval (interval,).
        start: first base, 0-based (interval,).
        end: base after the last (interval,).
        strand: +1, -1, or 0 where unknown (interval,).
        names: id of each interval (interval,); made from coordinates where the file has none.
        columns: further per-interval columns, for instance score or summit.
    """

    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    names: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def lengths(self) -> np.ndarray:
        """Bases in each interval (interval,)."""
        return self.end - self.start

    def take(self, index: np.ndarray) -> Self:
        """The intervals at `index` (integers or a mask)."""
        columns = {key: value[index] for key, value in self.columns.items()}
        fields = (self.chrom, self.start, self.end, self.strand, self.names)
        chrom, start, end, strand, names = (values[index] for values in fields)
        return type(self)(chrom, start, end, strand, names, columns)

    def problems(self) -> list[str]:
        """All that is wrong: negative starts, empty or reversed intervals, strands."""
        found = []
        if (count := int((self.start < 0).sum())) > 0:
            found.append(f"{count} intervals start before the contig")
        if (count := int((self.end <= self.start).sum())) > 0:
            found.append(f"{count} intervals are empty or reversed (end <= start)")
        if not np.isin(self.strand, (-1, 0, 1)).all():
            found.append("strand is not among +1, -1, 0")
        return found


def make_intervals(
    chrom: list[str] | np.ndarray,
    start: list[int] | np.ndarray,
    end: list[int] | np.ndarray,
    *,
    strand: list[int] | np.ndarray | None = None,
    names: list[str] | np.ndarray | None = None,
    columns: dict[str, np.ndarray] | None = None,
) -> Intervals:
    """Intervals from plain columns, names defaulting to chrom:start-end."""
    chroms = np.asarray(chrom, dtype=object)
    starts, ends = np.asarray(start, dtype=np.int64), np.asarray(end, dtype=np.int64)
    strands = np.zeros(len(starts), np.int8) if strand is None else np.asarray(strand, dtype=np.int8)
    if names is None:
        names = [f"{c}:{s}-{e}" for c, s, e in zip(chroms, starts, ends, strict=True)]
    return Intervals(chroms, starts, ends, strands, np.asarray(names, dtype=object), columns or {})
