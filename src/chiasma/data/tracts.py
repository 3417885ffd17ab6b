"""Stretches of haplotypes by the population that they came from: a painted chromosome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Tracts:
    """Local ancestry of the haplotypes of one region, as intervals.

    Attributes:
        haplotype: row of each tract, rows together and in order (tract,).
        left, right: where it lies, half-open, in bases from the start of the region (tract,).
        source: index of its population in `populations` (tract,).
        populations: names of the sources.
        n_haplotypes: rows.
        length: bases of the region.
    """

    haplotype: np.ndarray
    left: np.ndarray
    right: np.ndarray
    source: np.ndarray
    populations: tuple[str, ...]
    n_haplotypes: int
    length: float

    def __len__(self) -> int:
        return len(self.haplotype)

    @classmethod
    def joined(cls, columns: np.ndarray, *, populations: tuple[str, ...], n_haplotypes: int, length: float) -> Self:
        """From rows of haplotype, left, right, source in any order; neighbours of one source become one tract."""
        rows = columns[np.lexsort((columns[:, 1], columns[:, 0]))]
        same = (rows[1:, [0, 3]] == rows[:-1, [0, 3]]).all(axis=1) & (rows[1:, 1] == rows[:-1, 2])
        begins = np.r_[True, ~same] if len(rows) else np.zeros(0, bool)
        ends = np.r_[~same, True] if len(rows) else begins
        haplotype, source = rows[begins, 0].astype(np.int64), rows[begins, 3].astype(np.int64)
        return cls(haplotype, rows[begins, 1], rows[ends, 2], source, populations, n_haplotypes, float(length))

    def packed(self) -> dict[str, np.ndarray]:
        """As small named arrays, rounded to whole bases.

        Returns:
            haplotype and left, right uint32, source int8 (all by tract); extent, haplotypes and bases int64 (2,).
        """
        return {
            "haplotype": self.haplotype.astype(np.uint32),
            "left": np.round(self.left).astype(np.uint32),
            "right": np.round(self.right).astype(np.uint32),
            "source": self.source.astype(np.int8),
            "extent": np.array([self.n_haplotypes, round(self.length)], np.int64),
        }

    @classmethod
    def unpacked(cls, arrays: Mapping[str, np.ndarray], populations: tuple[str, ...] = ()) -> Self:
        """From what `packed` gave; tracts of no whole base are left out. Sources without a name are numbered."""
        left, right = arrays["left"].astype(np.float64), arrays["right"].astype(np.float64)
        kept = left < right
        rows, source = (arrays[name].astype(np.int64)[kept] for name in ("haplotype", "source"))
        n_haplotypes, length = (int(value) for value in arrays["extent"])
        names = populations or tuple(str(number) for number in range(int(source.max(initial=0)) + 1))
        return cls(rows, left[kept], right[kept], source, names, n_haplotypes, float(length))

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Source at positions, -1 where no tract lies (haplotype, position)."""
        positions = np.asarray(positions, float)
        painted = np.full((self.n_haplotypes, len(positions)), -1, np.int8)
        order = np.argsort(positions, kind="stable")
        first = np.searchsorted(positions[order], self.left)
        last = np.searchsorted(positions[order], self.right)
        for row, low, high, source in zip(self.haplotype, first, last, self.source):
            painted[row, order[low:high]] = source
        return painted

    def shares(self) -> np.ndarray:
        """Share of each haplotype's bases from each source (haplotype, source)."""
        total = np.zeros((self.n_haplotypes, len(self.populations)))
        np.add.at(total, (self.haplotype, self.source), self.right - self.left)
        return total / self.length

    def problems(self) -> list[str]:
        """All that is wrong: tracts that overlap, lie outside the region, or are of unknown rows and sources."""
        found = []
        if not (self.left < self.right).all() or (
            len(self) and (self.left.min() < 0 or self.right.max() > self.length)
        ):
            found.append("tracts are empty or outside the region")
        if len(self) and (self.haplotype.min() < 0 or self.haplotype.max() >= self.n_haplotypes):
            found.append("tracts of haplotypes that are not there")
        if len(self) and (self.source.min() < 0 or self.source.max() >= len(self.populations)):
            found.append("tracts of unknown sources")
        together = self.haplotype[1:] == self.haplotype[:-1]
        if (np.diff(self.haplotype) < 0).any() or (self.left[1:] < self.right[:-1])[together].any():
            found.append("tracts overlap or are out of order")
        return found
