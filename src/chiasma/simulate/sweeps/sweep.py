"""Tree sequences of a region with a selective sweep: hard, soft, partial, under sizes that change in steps.

Between the present and the end of the sweep, and before the origin of the selected allele, nothing depends on the
allele: msprime (GPL-3, imported when it runs) simulates there. What lies between is the structured coalescent of
`events.py` along a path of `trajectory.py`, which msprime lacks but for hard sweeps at constant size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module, require_valid
from chiasma.core.errors import InputError
from chiasma.core.rng import derive_seed, generator
from chiasma.simulate.sweeps.history import SizeHistory, rate_map
from chiasma.simulate.sweeps.phase import Course, follow_course
from chiasma.simulate.sweeps.trajectory import backward_path


@dataclass(frozen=True)
class Sweep:
    """A selected allele and its course.

    Attributes:
        position: bases from the start of the region.
        s: advantage of the homozygote; the heterozygote has s/2. (discoal's alpha = 2 N s counts s/2, so its alpha
            is N s here.) In the limit of weak selection, as in msprime and discoal; forwards, where parents are
            drawn by fitness over its mean, a sweep with s = .1 lasts some 5 % longer.
        end: generations ago at which the allele reached `final_frequency`.
        final_frequency: 1 for fixation; below it the sweep is partial.
        start_frequency: 0 for a new mutation (hard); else selection began on an allele that stood at this frequency
            and had been neutral before (soft).
        recurrence: chance a generation that a copy without the allele mutates to it (soft from recurrent mutation).
    """

    position: float
    s: float
    end: float = 0.0
    final_frequency: float = 1.0
    start_frequency: float = 0.0
    recurrence: float = 0.0

    def problems(self) -> list[str]:
        """All that is wrong with it."""
        found = []
        if not (np.isfinite(self.s) and self.s >= 0):
            found.append(f"s is {self.s}, expected 0 or more")
        if not 0 < self.final_frequency <= 1:
            found.append(f"final_frequency is {self.final_frequency}, expected above 0 and at most 1")
        if not 0 <= self.start_frequency < self.final_frequency:
            found.append(f"start_frequency is {self.start_frequency}, expected below final_frequency")
        if not (np.isfinite(self.end) and self.end >= 0):
            found.append(f"end is {self.end}, expected generations ago")
        if not 0 <= self.recurrence < 1:
            found.append(f"recurrence is {self.recurrence}, expected a probability")
        return found


def simulate_sweep(
    sweep: Sweep, history: SizeHistory, *, haplotypes: int, length: float, recombination: Any, seed: int
) -> Any:
    """Simulate the ancestry of a sample from a population in which an allele was selected.

    Args:
        sweep: the selected allele.
        history: sizes of the population.
        haplotypes: sampled today.
        length: bases of the region.
        recombination: crossovers a base and generation, or an msprime.RateMap (crossovers fall between bases: the
            genome is continuous).
        seed: the same seed gives the same tree sequence.

    Returns:
        A tskit.TreeSequence without neutral mutations. Where the selected allele segregates in the sample, its site
        is there, with a mutation for each origin.

    Raises:
        InputError: a sweep or history that cannot be, with all that is wrong.
    """
    require_valid(sweep, where="sweep")
    require_valid(history, where="size history")
    require_region(sweep.position, haplotypes=haplotypes, length=length)
    course = _course(sweep, history, seed)
    return along_course(course, history, haplotypes=haplotypes, length=length, recombination=recombination, seed=seed)


def require_region(position: float, *, haplotypes: int, length: float) -> None:
    """Refuse a sample of fewer than two haplotypes, and a selected site outside the region.

    Raises:
        InputError: either.
    """
    if haplotypes < 2:
        raise InputError("too few haplotypes", got=haplotypes, expected="2 or more")
    if not 0 <= position < length:
        raise InputError("the selected site is outside the region", got=position, expected=f"0 to {length:g}")


def along_course(
    course: Course, history: SizeHistory, *, haplotypes: int, length: float, recombination: Any, seed: int
) -> Any:
    """The ancestry of a sample, neutral since the course began and before it ended; as `simulate_sweep` gives it."""
    msprime = require_module("msprime", extra="population")
    positions, mass, rates = rate_map(float(length), recombination)
    tables = _recent(history, float(course.times[0]), haplotypes, length, rates, derive_seed(seed, "recent"))
    ancestors = follow_course(tables, course, (positions, mass), seed=derive_seed(seed, "sweep"))
    if ancestors.left:
        ts = msprime.sim_ancestry(
            initial_state=tables.tree_sequence(),
            demography=history.demography(after=ancestors.time),
            recombination_rate=rates,
            discrete_genome=False,
            random_seed=derive_seed(seed, "ancient"),
        )
        tables = ts.dump_tables()
    tables.simplify(filter_sites=False, filter_populations=False)
    return tables.tree_sequence()


def _recent(history: SizeHistory, end: float, haplotypes: int, length: float, rates: Any, seed: int) -> Any:
    """Tables of the sample's ancestry since the sweep, every lineage with a node at that time."""
    msprime = require_module("msprime", extra="population")
    return msprime.sim_ancestry(
        [msprime.SampleSet(haplotypes, ploidy=1)],
        demography=history.demography(),
        sequence_length=length,
        recombination_rate=rates,
        discrete_genome=False,
        end_time=end,
        random_seed=seed,
    ).dump_tables()


def _course(sweep: Sweep, history: SizeHistory, seed: int) -> Course:
    """A path of the allele."""
    times, frequencies, sizes = backward_path(
        generator(seed, "path"),
        (sweep.s, sweep.end, sweep.final_frequency, sweep.start_frequency or -1.0),
        np.asarray(history.starts, float),
        np.asarray(history.sizes, float),
    )
    return Course(
        times,
        frequencies,
        sizes,
        position=float(sweep.position),
        carriers=sweep.final_frequency,
        origin=True,
        recurrence=sweep.recurrence,
    )
