"""Recombination of simulated regions as along a real genome: each region takes the rates of a stretch of a map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.genetic_map import GeneticMap
from chiasma.io.genetic_map import read_genetic_map
from chiasma.simulate.stretch import Stretch


@dataclass(frozen=True, eq=False)
class MapStretches:
    """Stretches of a genetic map, end to end between the first and the last marker of each contig.

    Attributes:
        genetic_map: centimorgans along the contigs.
        contigs: bare name of the contig of each (stretch,).
        starts: first base of each (stretch,).
        length: bases of each.
    """

    genetic_map: GeneticMap
    contigs: np.ndarray
    starts: np.ndarray
    length: int

    def drawn(self, rng: np.random.Generator) -> Any:
        """The rates of one of them, each as likely, as an msprime.RateMap that begins at 0."""
        draw = rng.integers(len(self.starts))
        start = int(self.starts[draw])
        return Stretch(self.contigs[draw], start, start + self.length, self.genetic_map).rates()


def find_map_stretches(genetic_map: GeneticMap, *, length: int, where: str | None = None) -> MapStretches:
    """The stretches of a map that simulated regions may take their rates from.

    Args:
        genetic_map: centimorgans along the contigs.
        length: bases of a region.
        where: the file, for errors.

    Raises:
        InsufficientDataError: no contig has markers so far apart.
    """
    starts = {
        contig: np.arange(markers[0], markers[-1] - length + 1, length)
        for contig, markers in genetic_map.positions.items()
    }
    if not any(len(found) for found in starts.values()):
        longest = max((int(markers[-1] - markers[0]) for markers in genetic_map.positions.values()), default=0)
        raise InsufficientDataError(
            "no stretch of the genetic map is as long as a region",
            where=where,
            got=f"{longest:,} bases between markers",
            expected=f"{length:,} or more",
            do="give the map of whole chromosomes, or simulate shorter regions",
        )
    contigs = [np.full(len(found), contig, object) for contig, found in starts.items()]
    return MapStretches(genetic_map, np.concatenate(contigs), np.concatenate(list(starts.values())), length)


def drawn_rates(path: str, length: float, rng: np.random.Generator) -> Any:
    """Rates along a region, an msprime.RateMap of `length` bases, from a stretch of the map in a file.

    Raises:
        InputError: no such file, or a length that is no whole number of bases.
        FormatError: not a genetic map.
        InsufficientDataError: no stretch of it is so long.
    """
    if not Path(path).is_file():
        raise InputError("no such genetic map", where=path, expected="HapMap, gmap or PLINK", do="check the path")
    if length != int(length):
        raise InputError("a region along a map has whole bases", got=length, expected="a whole number")
    return _stretches(path, Path(path).stat().st_mtime_ns, int(length)).drawn(rng)


@lru_cache(maxsize=2)
def _stretches(path: str, changed: int, length: int) -> MapStretches:
    del changed  # a file that was changed is read again
    return find_map_stretches(read_genetic_map(path), length=length, where=path)
