"""Admixed populations with their local ancestry, neutral or with an allele under selection since admixture.

One pulse founds the population; an allele that differs between the sources rises by Wright and Fisher's model, and the
sample's ancestry follows its path back to the founders, as in a sweep. At the founding a lineage that carries the
allele comes from a source in proportion to what the source brought of it, so that tracts are exact without simulating
every individual forward. Hamid et al. (2023) simulated the same history forward with SLiM.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chiasma.core.checks import require_module, require_valid
from chiasma.core.errors import InputError
from chiasma.core.rng import derive_seed, generator
from chiasma.data.tracts import Tracts
from chiasma.simulate.sweeps.history import SizeHistory, rate_map
from chiasma.simulate.sweeps.phase import Ancestors, Course, follow_course

SOURCES = ("one", "two")


@dataclass(frozen=True)
class Admixture:
    """A pulse of admixture and the allele selected since.

    Attributes:
        generations: since the pulse.
        share: of the founders that came from source one.
        position: of the selected site, bases.
        s: advantage of the homozygote, heterozygote s/2; 0 for none.
        frequencies: of the allele in source one and two at the pulse; it was fixed in one and absent in the other in
            the published simulations.
    """

    generations: int
    share: float
    position: float
    s: float = 0.0
    frequencies: tuple[float, float] = (1.0, 0.0)

    @property
    def founding_frequency(self) -> float:
        """Of the allele among the founders."""
        return self.share * self.frequencies[0] + (1 - self.share) * self.frequencies[1]

    def problems(self) -> list[str]:
        """All that is wrong with it."""
        found = []
        if self.generations < 1:
            found.append(f"generations is {self.generations}, expected 1 or more")
        if not 0 < self.share < 1:
            found.append(f"share is {self.share}, expected between 0 and 1")
        if not (np.isfinite(self.s) and self.s >= 0):
            found.append(f"s is {self.s}, expected 0 or more")
        if not all(0 <= frequency <= 1 for frequency in self.frequencies):
            found.append(f"frequencies are {self.frequencies}, expected 0 to 1")
        elif not 0 < self.founding_frequency < 1:
            found.append("the allele is fixed or absent in the founders")
        return found


@dataclass(frozen=True, eq=False)
class Admixed:
    """A simulated sample.

    Attributes:
        tracts: its local ancestry.
        frequency: of the selected allele today, in the population.
        trees: tskit.TreeSequence back to the founding, its roots in populations "one" and "two".
    """

    tracts: Tracts
    frequency: float
    trees: Any


def simulate_admixture(
    admixture: Admixture, history: SizeHistory, *, haplotypes: int, length: float, recombination: Any, seed: int
) -> Admixed:
    """Simulate a sample from an admixed population.

    Args:
        admixture: the pulse and the selected allele.
        history: sizes of the admixed population since.
        haplotypes: sampled today.
        length: bases.
        recombination: crossovers a base and generation, or an msprime.RateMap.
        seed: the same seed gives the same sample.

    Raises:
        InputError: an admixture or history that cannot be, with all that is wrong.
    """
    require_valid(admixture, where="admixture")
    require_valid(history, where="size history")
    if not 0 <= admixture.position < length:
        raise InputError("the selected site is outside the region", got=admixture.position, expected=f"0 to {length:g}")
    rng = generator(seed, "admixture")
    frequency = allele_path(admixture, history, rng)
    tables = _founded(haplotypes, length)
    parents, sizes = _steps(admixture, history, frequency)
    course = Course(
        np.arange(admixture.generations + 1.0),
        parents,
        sizes,
        position=float(admixture.position),
        carriers=float(frequency[-1]),
        origin=False,
        advantage=admixture.s,
    )
    positions, mass, _ = rate_map(float(length), recombination)
    ancestors = follow_course(tables, course, (positions, mass), seed=derive_seed(seed, "admixed"))
    _assign(tables, ancestors, admixture, rng)
    tables.sort()
    trees = tables.tree_sequence()
    tracts = local_ancestry(trees, ancestors.time, populations=SOURCES)
    return Admixed(tracts, float(frequency[-1]), trees)


def allele_path(admixture: Admixture, history: SizeHistory, rng: np.random.Generator) -> np.ndarray:
    """Frequency in each generation from the founding to the present (generation + 1,): Wright and Fisher's model."""
    path = [admixture.founding_frequency]
    for ago in range(admixture.generations - 1, -1, -1):
        x, copies = path[-1], round(2 * history.at(ago))
        chosen = x * (1 + admixture.s / 2 * (1 + x)) / (1 + admixture.s * x)
        path.append(rng.binomial(copies, min(chosen, 1.0)) / copies)
    return np.array(path)


def _steps(admixture: Admixture, history: SizeHistory, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequency among the parents, and their number, looking back a generation at a time (both (generation,))."""
    sizes = np.array([history.at(ago) for ago in range(1, admixture.generations + 1)])
    parents = frequency[-2::-1]
    return np.clip(parents, 0.25 / sizes, 1 - 0.25 / sizes), sizes


def _founded(haplotypes: int, length: float) -> Any:
    """Tables of a sample without history, populations named."""
    if haplotypes < 2:
        raise InputError("too few haplotypes", got=haplotypes, expected="2 or more")
    return _sample(haplotypes, length).copy()


@lru_cache(maxsize=4)
def _sample(haplotypes: int, length: float) -> Any:
    """Such tables, made once: msprime takes longer over them than over some samples' history."""
    msprime = require_module("msprime", extra="population")
    demography = msprime.Demography()
    for name in ("admixed", *SOURCES):
        demography.add_population(name=name, initial_size=1)
    tables = msprime.sim_ancestry(
        [msprime.SampleSet(haplotypes, population="admixed", ploidy=1)],
        demography=demography,
        sequence_length=length,
        end_time=0,
        random_seed=1,
        record_provenance=False,
    ).dump_tables()
    tables.edges.clear()
    tables.nodes.truncate(haplotypes)
    return tables


def _assign(tables: Any, ancestors: Ancestors, admixture: Admixture, rng: np.random.Generator) -> None:
    """Give each founder lineage its source."""
    brought = np.array(admixture.frequencies) * [admixture.share, 1 - admixture.share]
    other = (1 - np.array(admixture.frequencies)) * [admixture.share, 1 - admixture.share]
    of_one = np.where(ancestors.derived, brought[0] / brought.sum(), other[0] / other.sum())
    population = tables.nodes.population
    population[ancestors.nodes] = np.where(rng.random(len(of_one)) < of_one, 1, 2)
    tables.nodes.population = population


def local_ancestry(trees: Any, time: float, *, populations: tuple[str, ...] | None = None) -> Tracts:
    """The population in which each sample's ancestors lived at a time.

    Args:
        trees: a tskit.TreeSequence with a node on every lineage at that time, as msprime.Demography.add_census makes.
        time: generations ago.
        populations: names of those that count, in the order of the index; all of the tree sequence where left out.

    Raises:
        InputError: no nodes at that time, or lineages that have none there.
    """
    nodes = np.flatnonzero(trees.nodes_time == time)
    if len(nodes) == 0:
        raise InputError("no ancestors at that time", got=time, do="simulate with add_census(time=...)")
    names = [trees.population(i).metadata["name"] for i in range(trees.num_populations)]
    populations = populations or tuple(names)
    code = np.array([populations.index(name) if name in populations else -1 for name in names])
    samples = trees.samples()
    links = trees.tables.link_ancestors(samples.astype(np.int32), nodes.astype(np.int32))
    row = np.full(trees.num_nodes, -1)
    row[samples] = np.arange(len(samples))
    source = code[trees.nodes_population[links.parent]]
    if (source < 0).any():
        raise InputError("ancestors in a population that was not named", got=names, expected=populations)
    columns = np.column_stack([row[links.child], links.left, links.right, source])
    tracts = Tracts.joined(columns, populations=populations, n_haplotypes=len(samples), length=trees.sequence_length)
    covered = (tracts.right - tracts.left).sum()
    if not np.isclose(covered, len(samples) * trees.sequence_length):
        raise InputError(
            "some ancestry has no node at that time",
            got=f"{covered / (len(samples) * trees.sequence_length):.1%} covered",
            do="simulate with add_census(time=...) at this time, before all lineages coalesce",
        )
    return tracts


def add_source_history(
    admixed: Admixed, *, sizes: tuple[float, float, float], split: float, recombination: Any, seed: int
) -> Any:
    """Go on behind the founding: two sources of constant size that split from one ancestor.

    Args:
        admixed: the sample.
        sizes: diploids of source one, two and their ancestor.
        split: generations ago, before the founding.
        recombination: as in simulate_admixture.
        seed: the same seed gives the same.

    Returns:
        A whole tskit.TreeSequence without mutations; the founders' nodes stay in it, so local_ancestry still works.
    """
    msprime = require_module("msprime", extra="population")
    founded = admixed.trees.max_root_time
    if split <= founded:
        raise InputError("the sources split after they met", got=split, expected=f"more than {founded:.0f} generations")
    demography = msprime.Demography()
    for name, size in zip(("admixed", *SOURCES, "ancestor"), (1, *sizes)):
        demography.add_population(name=name, initial_size=size)
    demography.add_population_split(time=split, derived=list(SOURCES), ancestral="ancestor")
    tables = admixed.trees.dump_tables()
    tables.populations.add_row(metadata={"name": "ancestor", "description": ""})
    return msprime.sim_ancestry(
        initial_state=tables.tree_sequence(),
        demography=demography,
        recombination_rate=recombination,
        discrete_genome=False,
        random_seed=derive_seed(seed, "sources"),
    )
