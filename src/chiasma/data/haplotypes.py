"""Phased or unphased genotypes of one region, haplotypes as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

MISSING = -1


@dataclass(frozen=True, eq=False)
class Haplotypes:
    """Alleles of a region.

    Attributes:
        alleles: 0 ancestral or reference, 1 derived or alternative, -1 missing; int8 (haplotype, site).
        positions: 0-based position of each site, increasing (site,), float64 (simulators have fractions).
        start: first base of the region, 0-based.
        end: base after the region.
        contig: name of the contig.
        samples: name of each sample (sample,); sample s owns rows s*ploidy .. (s+1)*ploidy.
        ploidy: haplotypes a sample.
        phased: whether the order of alleles within a sample means anything.
        polarised: whether 1 is known to be the derived allele.
        population: population of each sample (sample,), or None.
    """

    alleles: np.ndarray
    positions: np.ndarray
    start: float
    end: float
    contig: str
    samples: np.ndarray
    ploidy: int
    phased: bool = True
    polarised: bool = False
    population: np.ndarray | None = None

    @property
    def n_haplotypes(self) -> int:
        """Rows."""
        return self.alleles.shape[0]

    @property
    def n_sites(self) -> int:
        """Columns."""
        return self.alleles.shape[1]

    @property
    def length(self) -> float:
        """Bases in the region."""
        return self.end - self.start

    def take_sites(self, index: np.ndarray) -> Self:
        """Some sites, the region unchanged."""
        return self._with(alleles=self.alleles[:, index], positions=self.positions[index])

    def region(self, start: float, end: float) -> Self:
        """The sites in [start, end), and that region."""
        low, high = np.searchsorted(self.positions, [start, end])
        cut = self.take_sites(np.arange(low, high))
        return cut._with(start=start, end=end)

    def take_samples(self, index: np.ndarray) -> Self:
        """Some samples with all their haplotypes, in the order asked for."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        rows = (index[:, None] * self.ploidy + np.arange(self.ploidy)).ravel()
        population = None if self.population is None else self.population[index]
        return self._with(alleles=self.alleles[rows], samples=self.samples[index], population=population)

    def _with(self, **changes: object) -> Self:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return type(self)(**{**fields, **changes})  # type: ignore[arg-type]

    def problems(self) -> list[str]:
        """All that is wrong: shapes, order of positions, alleles out of range, sites outside the region."""
        found = []
        if self.alleles.shape != (len(self.samples) * self.ploidy, len(self.positions)):
            expected = (len(self.samples) * self.ploidy, len(self.positions))
            found.append(f"alleles have shape {self.alleles.shape}, expected {expected}")
        if len(self.positions) > 1 and (np.diff(self.positions) < 0).any():
            found.append("positions are not sorted")
        if self.alleles.size and (self.alleles.min() < MISSING or self.alleles.max() > 1):
            found.append("alleles other than 0, 1 and -1 (split or drop multi-allelic sites first)")
        if len(self.positions) and (self.positions[0] < self.start or self.positions[-1] >= self.end):
            found.append("sites outside the region")
        return found
