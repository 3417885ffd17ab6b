"""Called local ancestry: the tracts of one chromosome, with its name and those of its haplotypes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from chiasma.data.tracts import Tracts


@dataclass(frozen=True, eq=False)
class CalledAncestry:
    """Tracts of one chromosome or of a stretch of it.

    Attributes:
        contig: its name.
        start: where the tracts' coordinates begin, 0-based.
        tracts: local ancestry, in bases from `start`.
        haplotypes: name of each row (haplotype,).
    """

    contig: str
    start: float
    tracts: Tracts
    haplotypes: np.ndarray

    def take(self, rows: np.ndarray) -> Self:
        """Some haplotypes, in the order given."""
        place = np.full(self.tracts.n_haplotypes, -1)
        place[rows] = np.arange(len(rows))
        kept = place[self.tracts.haplotype] >= 0
        t = self.tracts
        columns = np.column_stack([place[t.haplotype[kept]], t.left[kept], t.right[kept], t.source[kept]])
        tracts = Tracts.joined(
            columns.astype(np.float64), populations=t.populations, n_haplotypes=len(rows), length=t.length
        )
        return replace(self, tracts=tracts, haplotypes=self.haplotypes[rows])

    def window(self, left: float, right: float) -> Tracts:
        """Tracts between two places, in bases from `start`, cut at both; coordinates from `left`."""
        t = self.tracts
        kept = (t.left < right) & (t.right > left)
        return replace(
            t,
            haplotype=t.haplotype[kept],
            left=np.maximum(t.left[kept], left) - left,
            right=np.minimum(t.right[kept], right) - left,
            source=t.source[kept],
            length=float(right - left),
        )

    def problems(self) -> list[str]:
        """All that is wrong with the tracts; a row without a name."""
        found = self.tracts.problems()
        if len(self.haplotypes) != self.tracts.n_haplotypes:
            found.append(f"{len(self.haplotypes)} names for {self.tracts.n_haplotypes} haplotypes")
        return found
