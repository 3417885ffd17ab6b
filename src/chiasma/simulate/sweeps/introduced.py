"""Sweeps of an allele that arose at a given time and was not lost: what frequency it has today is chance.

So Riley et al. (2024) simulate selection forwards in time. The allele's course is drawn forwards, generation by
generation (Wright and Fisher, the heterozygote at half the advantage), and the ancestry of a sample backwards along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.simulate.sweeps.history import SizeHistory
from chiasma.simulate.sweeps.phase import Course
from chiasma.simulate.sweeps.sweep import along_course, require_region

_AT_ONCE = 256
"""Copies that are followed side by side; most are lost within a few generations."""
_MOST_ROUNDS = 400


@dataclass(frozen=True)
class Introduced:
    """An allele that arose in one copy.

    Attributes:
        position: bases from the start of the region.
        s: advantage of the homozygote; the heterozygote has s/2.
        generations: ago at which it arose.
    """

    position: float
    s: float
    generations: int

    def problems(self) -> list[str]:
        """All that is wrong with it."""
        found = []
        if not (np.isfinite(self.s) and self.s >= 0):
            found.append(f"s is {self.s}, expected 0 or more")
        if self.generations < 2:
            found.append(f"generations is {self.generations}, expected 2 or more")
        return found


def forward_path(allele: Introduced, history: SizeHistory, *, seed: int) -> np.ndarray:
    """Frequency of an allele that was not lost, in each generation from its origin to today (generation + 1,).

    Raises:
        InsufficientDataError: all of some 100,000 copies were lost.
    """
    draw = generator(seed, "introduced")
    sizes = (2 * _sizes(history, np.arange(allele.generations, -1, -1))).round()
    for _ in range(_MOST_ROUNDS):
        x = np.full(_AT_ONCE, 1 / sizes[0])
        paths = np.zeros((allele.generations + 1, _AT_ONCE))
        paths[0], alive = x, np.arange(_AT_ONCE)
        for place, copies in enumerate(sizes[1:], start=1):
            raised = x * (1 + allele.s * (1 + x) / 2)  # marginal fitness: 1 + s beside its like, else 1 + s/2
            x = draw.binomial(int(copies), raised / (raised + (1 - x) * (1 + allele.s * x / 2))) / copies
            kept = x > 0
            alive, x = alive[kept], x[kept]
            if not len(alive):
                break
            paths[place, alive] = x
        else:
            return paths[:, alive[0]]
    raise InsufficientDataError(
        "the allele was lost each time",
        got=f"{_MOST_ROUNDS * _AT_ONCE:,} copies with s {allele.s:g}",
        expected=f"one that is there after {allele.generations:,} generations",
        do="let it arise later, or give it a larger s",
    )


def simulate_introduced(
    allele: Introduced, history: SizeHistory, *, haplotypes: int, length: float, recombination: Any, seed: int
) -> Any:
    """Simulate the ancestry of a sample from a population in which an allele arose and was not lost.

    Args, returns and raises as `simulate_sweep`.
    """
    require_valid(allele, where="introduced allele")
    require_valid(history, where="size history")
    require_region(allele.position, haplotypes=haplotypes, length=length)
    course = course_of(forward_path(allele, history, seed=seed), history, position=allele.position)
    return along_course(course, history, haplotypes=haplotypes, length=length, recombination=recombination, seed=seed)


def course_of(path: np.ndarray, history: SizeHistory, *, position: float) -> Course:
    """The course of an allele from its frequencies, the oldest first; a fixed one's begins with its fixation."""
    back = path[::-1]
    begin = max(0, int(np.argmax(back < 1)) - 1)  # generations since it was fixed
    back = back[begin:]
    times = begin + np.arange(len(back), dtype=float)
    sizes = _sizes(history, times[:-1])
    least = 0.25 / sizes
    means = np.clip((back[:-1] + back[1:]) / 2, least, 1 - least)
    return Course(times, means, sizes, position=float(position), carriers=float(back[0]), origin=True)


def _sizes(history: SizeHistory, times: np.ndarray) -> np.ndarray:
    """Diploid sizes so many generations ago (time,)."""
    return np.asarray(history.sizes, float)[np.searchsorted(history.starts, times, side="right") - 1]
