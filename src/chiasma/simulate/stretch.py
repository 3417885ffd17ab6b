"""A stretch of a real genome that simulations take their recombination rates and their mask from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.data.accessibility import Accessibility
from chiasma.data.genetic_map import GeneticMap


@dataclass(frozen=True, eq=False)
class Stretch:
    """Where, and what is known of it.

    Attributes:
        contig: its name.
        start, end: 0-based and half-open.
        genetic_map: centimorgans along the contig, or None.
        accessible: which bases could be called, or None.
    """

    contig: str
    start: int
    end: int
    genetic_map: GeneticMap | None = None
    accessible: Accessibility | None = None

    @property
    def length(self) -> int:
        """Bases."""
        return self.end - self.start

    def rates(self) -> Any:
        """Crossovers a base and generation along the stretch, as an msprime.RateMap.

        Bases beyond the first or the last marker have the mean rate of those between.

        Raises:
            MismatchError: no marker on either side of any base of the stretch.
        """
        msprime = require_module("msprime", extra="population")
        assert self.genetic_map is not None
        markers, rates = self.genetic_map.rates(self.contig)
        inside = (markers > self.start) & (markers < self.end)
        edges = np.concatenate([[self.start], markers[inside], [self.end]])
        interval = np.searchsorted(markers, edges[:-1], side="right") - 1
        known = (interval >= 0) & (interval < len(rates))
        if not known.any():
            raise MismatchError(
                "the genetic map does not reach the stretch",
                got=f"markers from {markers[0] + 1:,} to {markers[-1] + 1:,}",
                expected=f"markers around {self.contig}:{self.start + 1:,}-{self.end:,}",
                do="check the region, and the build of the map",
            )
        widths = np.diff(edges)
        values = rates[np.clip(interval, 0, len(rates) - 1)]
        mean = float((values * widths)[known].sum() / widths[known].sum())
        return msprime.RateMap(position=edges - self.start, rate=np.where(known, values, mean))

    def hide(self, trees: Any) -> Any:
        """The tree sequence without the sites that the mask hides.

        Raises:
            InsufficientDataError: the mask hides the whole stretch.
        """
        if self.accessible is None:
            return trees
        if not self.accessible.bases(self.contig, np.array([self.start, self.end])).any():
            raise InsufficientDataError(
                "the mask hides the whole stretch",
                got=f"{self.contig}:{self.start + 1:,}-{self.end:,}",
                do="check the region, and the build of the mask",
            )
        seen = self.accessible.covers(self.contig, np.floor(trees.sites_position) + self.start)
        return trees.delete_sites(np.flatnonzero(~seen), record_provenance=False)
