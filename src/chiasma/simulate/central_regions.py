"""Batches of regions by msprime, decoded at their central sites only; replicates of one history share its set-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.rng import derive_seed
from chiasma.encode.central_sites import central_range, code_central


def sample_sets(names: tuple[str, ...], sizes: tuple[int, ...]) -> list[Any]:
    """Haplotypes of each population at time 0, for msprime."""
    msprime = require_module("msprime", extra="population")
    return [msprime.SampleSet(size, population=name, ploidy=1) for name, size in zip(names, sizes, strict=True)]


def replicate_trees(
    demography: Any,
    samples: list[Any],
    *,
    number: int,
    length: float,
    mutation_rate: float,
    recombination_rate: float | Callable[[int], Any],
    seed: int,
) -> Any:
    """Tree sequences with mutations, one after another: standard coalescent, infinite sites.

    Args:
        demography: of msprime.
        samples: of msprime.
        number: how many.
        length: bases.
        mutation_rate: a base and generation.
        recombination_rate: a base and generation; or what gives each replicate its msprime.RateMap, by its number.
        seed: the same gives the same replicates.
    """
    msprime = require_module("msprime", extra="population")
    model = msprime.BinaryMutationModel()
    ancestry_of = partial(
        msprime.sim_ancestry,
        samples,
        demography=demography,
        ploidy=2,
        sequence_length=length,
        discrete_genome=False,
        record_provenance=False,
    )
    if callable(recombination_rate):
        replicates = (
            ancestry_of(recombination_rate=recombination_rate(index), random_seed=derive_seed(seed, "ancestry", index))
            for index in range(number)
        )
    else:
        replicates = ancestry_of(
            recombination_rate=recombination_rate, num_replicates=number, random_seed=derive_seed(seed, "ancestry")
        )
    for index, ancestry in enumerate(replicates):
        yield msprime.sim_mutations(
            ancestry,
            rate=mutation_rate,
            model=model,
            discrete_genome=False,
            random_seed=derive_seed(seed, "mutations", index),
            record_provenance=False,
        )


def decode_central(
    ts: Any, *, sites: int, seen: np.ndarray | None = None, tell_first: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and distances of the central sites of a tree sequence (see `code_central`); other sites are not decoded.

    Args:
        ts: a tskit.TreeSequence with two alleles a site.
        sites: columns.
        seen: whether each site is seen (site,); the others are as if they were not there. All, where left out.
        tell_first: tell the distance before the first of them, as the original does of simulated regions.
    """
    tskit = require_module("tskit", extra="population")
    index = np.arange(ts.num_sites) if seen is None else np.flatnonzero(seen)
    positions = ts.sites_position[index]
    low, high = central_range(len(positions), sites)
    variant = tskit.Variant(ts)
    alleles = np.empty((ts.num_samples, high - low), np.int8)
    for column, site in enumerate(index[low:high]):
        variant.decode(int(site))
        alleles[:, column] = variant.genotypes
    before = None
    if tell_first and high > low:
        before = float(positions[low - 1]) if low else float(positions[0])
    return code_central(alleles, positions[low:high], ts.sequence_length, sites=sites, before=before)
