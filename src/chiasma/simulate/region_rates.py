"""Recombination of simulated regions as along a real genome: each region takes the rates of a stretch of a map.

A stretch may be drawn if the map says something of it: it lies between the first and the last marker of its contig, and
not mostly in a gap between markers, such as a centromere, over which a map shows no crossover because nobody looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.core.files import until_changed
from chiasma.data.genetic_map import GeneticMap
from chiasma.io.genetic_map import read_genetic_map
from chiasma.simulate.stretch import Stretch

_GAP = 100
"""Times the median distance of neighbouring markers, beyond which nothing is known between two of them."""
_MOST_UNKNOWN = 0.5
"""Share of a stretch that may lie in such gaps."""


@dataclass(frozen=True, eq=False)
class MapStretches:
    """Stretches of a genetic map that simulated regions may take their rates from.

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

    def along(self, contig: str, start: int) -> Any:
        """The rates along a stretch as long as these, an msprime.RateMap that begins at 0."""
        return Stretch(contig, start, start + self.length, self.genetic_map).rates()

    def drawn(self, rng: np.random.Generator) -> Any:
        """The rates of one of them, each as likely."""
        row = rng.integers(len(self.starts))
        return self.along(self.contigs[row], int(self.starts[row]))


def find_map_stretches(genetic_map: GeneticMap, *, length: int, where: str | None = None) -> MapStretches:
    """The stretches of a map, end to end from the first marker of each contig, that may be drawn.

    Args:
        genetic_map: centimorgans along the contigs.
        length: bases of a region.
        where: the file, for errors.

    Raises:
        InsufficientDataError: there is none.
    """
    starts = {
        contig: np.arange(markers[0], markers[-1] - length + 1, length)
        for contig, markers in genetic_map.positions.items()
    }
    for contig, found in starts.items():
        starts[contig] = found[map_tells(genetic_map, contig, found, length)]
    if not any(len(found) for found in starts.values()):
        longest = max((int(markers[-1] - markers[0]) for markers in genetic_map.positions.values()), default=0)
        raise InsufficientDataError(
            "no stretch of the genetic map is as long as a region",
            where=where,
            got=f"{longest:,} bases between markers",
            expected=f"{length:,} or more, not mostly in gaps between markers",
            do="give the map of whole chromosomes, or simulate shorter regions",
        )
    contigs = [np.full(len(found), contig, object) for contig, found in starts.items()]
    return MapStretches(genetic_map, np.concatenate(contigs), np.concatenate(list(starts.values())), length)


def map_tells(genetic_map: GeneticMap, contig: str, starts: np.ndarray, length: float) -> np.ndarray:
    """Whether a map says something of stretches of so many bases from `starts` on (stretch,)."""
    markers = genetic_map.positions.get(contig)
    if markers is None:
        return np.zeros(len(starts), bool)
    ends = starts + length
    apart = np.diff(markers)
    unknown = np.zeros(len(starts))
    for gap in np.flatnonzero(apart > _GAP * np.median(apart)):
        unknown += np.clip(np.minimum(ends, markers[gap + 1]) - np.maximum(starts, markers[gap]), 0, None)
    told: np.ndarray = (starts >= markers[0]) & (ends <= markers[-1]) & (unknown <= _MOST_UNKNOWN * length)
    return told


def drawn_rates(path: str, length: float, rng: np.random.Generator) -> Any:
    """Rates along a region, an msprime.RateMap of `length` bases, from a stretch of the map in a file.

    Raises:
        InputError: no such file, or a length that is no whole number of bases.
        FormatError: not a genetic map.
        InsufficientDataError: no stretch of it may be drawn.
    """
    return map_stretches(path, length).drawn(rng)


def map_stretches(path: str, length: float) -> MapStretches:
    """The stretches of the map in a file; as `drawn_rates` raises."""
    if not Path(path).is_file():
        raise InputError("no such genetic map", where=path, expected="HapMap, gmap or PLINK", do="check the path")
    if length != int(length):
        raise InputError("a region along a map has whole bases", got=length, expected="a whole number")
    return _stretches(path, int(length))


@until_changed
def _stretches(path: str, length: int) -> MapStretches:
    return find_map_stretches(read_genetic_map(path), length=length, where=path)
