"""A genetic map: centimorgans along each contig."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import MismatchError, list_some
from chiasma.data.contigs import bare_contig


@dataclass(frozen=True, eq=False)
class GeneticMap:
    """Markers of each contig, under its bare name (no chr).

    Attributes:
        positions: 0-based positions, increasing (marker,).
        cm: centimorgans from the first marker or the contig's start, not falling (marker,).
        source: the file, for messages.
    """

    positions: dict[str, np.ndarray]
    cm: dict[str, np.ndarray]
    source: str = "genetic map"

    def _contig(self, contig: str) -> str:
        name = bare_contig(contig)
        if name not in self.positions:
            raise MismatchError(
                "the genetic map has no such contig",
                where=self.source,
                got=contig,
                expected=list_some(sorted(self.positions), most=8),
                do="give a map of this contig, of the build that the data are on",
            )
        return name

    def at(self, contig: str, positions: np.ndarray) -> np.ndarray:
        """Centimorgans at positions (site,), linear between markers and constant beyond the first and the last.

        Raises:
            MismatchError: no such contig.
        """
        name = self._contig(contig)
        return np.interp(np.asarray(positions, np.float64), self.positions[name], self.cm[name])

    def rates(self, contig: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the markers (marker,) and recombinations a base and generation between them (marker - 1,).

        Raises:
            MismatchError: no such contig.
        """
        name = self._contig(contig)
        return self.positions[name], np.diff(self.cm[name]) / 100 / np.diff(self.positions[name])

    def problems(self) -> list[str]:
        """All that is wrong: markers out of order, maps that fall."""
        found = []
        for name, positions in self.positions.items():
            if len(positions) < 2:
                found.append(f"contig {name} has fewer than two markers")
            if (np.diff(positions) <= 0).any():
                found.append(f"contig {name} has markers out of order or twice")
            if (np.diff(self.cm[name]) < 0).any():
                found.append(f"the map of contig {name} falls")
        return found
