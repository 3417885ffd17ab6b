"""Coalescent designs: priors, and one tree sequence an address. msprime (GPL-3) is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.rng import derive_seed, generator

Parameters = dict[str, float]


@dataclass(frozen=True)
class Design:
    """A model of history with its prior.

    Attributes:
        name: of the design.
        source: where ranges and sizes come from.
        length: bases.
        mutation_rate: a base and generation.
        draw: parameters from a generator; `theta` (4 N mu L) among them.
        history: from parameters to the keyword arguments of msprime.sim_ancestry.
        haplotypes: of each population in the published design, in row order.
        sizes: parameters that are sizes of populations, in diploids.
        targets: parameters that are to be predicted, on the log scale; or classes.
        classes: names of the classes of parameter `label`, where the task is a classification.
        selected: from parameters, haplotypes and a seed to the ancestry of an example with selection, a
            tskit.TreeSequence; None of an example that is neutral.
        theta_above: held-out examples have a theta above this (Flagel et al. scored theta > 3 only).
    """

    name: str
    source: str
    length: int
    mutation_rate: float
    draw: Callable[[np.random.Generator], Parameters]
    history: Callable[[Parameters, tuple[int, ...]], dict[str, Any]]
    haplotypes: tuple[int, ...]
    sizes: tuple[str, ...]
    targets: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    selected: Callable[[Parameters, tuple[int, ...], int], Any] | None = None
    theta_above: float = 0.0


# Recombination: Flagel, Brandvain & Schrider 2019, scripts of the phased diploid case.
_REC_LENGTH, _REC_MU = 20_001, 1.5e-8
_REC_SIZES = (1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 50_000)


def _draw_recombination(rng: np.random.Generator) -> Parameters:
    size = float(rng.choice(_REC_SIZES))
    rate = float(10 ** rng.uniform(-8, -6))
    scale = 4 * size * _REC_LENGTH
    return {"size": size, "rate": rate, "rho": scale * rate, "theta": scale * _REC_MU}


def _recombination_history(parameters: Parameters, haplotypes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "samples": haplotypes[0],
        "population_size": parameters["size"],
        "recombination_rate": parameters["rate"],
    }


# Introgression: ranges of our own, of the order of Drosophila; not those of the published FILET simulations.
_INT_LENGTH, _INT_MU, _INT_RATE = 10_000, 3.5e-9, 5e-9


def _draw_introgression(rng: np.random.Generator) -> Parameters:
    one, two, ancestral = (float(10 ** rng.uniform(5.3, 6.1)) for _ in range(3))
    split = float(rng.uniform(0.5, 2.5) * (one + two))
    return {
        "size1": one,
        "size2": two,
        "ancestral": ancestral,
        "split": split,
        "pulse": float(rng.uniform(0.02, 0.2) * split),
        "proportion": float(rng.uniform(0.2, 0.8)),
        "label": float(rng.integers(3)),
        "theta": 2 * (one + two) * _INT_MU * _INT_LENGTH,
    }


def _introgression_history(parameters: Parameters, haplotypes: tuple[int, ...]) -> dict[str, Any]:
    msprime = require_module("msprime", extra="population")
    demography = msprime.Demography()
    demography.add_population(name="one", initial_size=parameters["size1"])
    demography.add_population(name="two", initial_size=parameters["size2"])
    demography.add_population(name="ancestral", initial_size=parameters["ancestral"])
    label = int(parameters["label"])
    if label:
        # msprime's source and dest look back in time: genes of "two" that came from "one" go two -> one
        source, dest = ("two", "one") if label == 1 else ("one", "two")
        demography.add_mass_migration(
            time=parameters["pulse"], source=source, dest=dest, proportion=parameters["proportion"]
        )
    demography.add_population_split(time=parameters["split"], derived=["one", "two"], ancestral="ancestral")
    samples = [msprime.SampleSet(count, population=name, ploidy=1) for name, count in zip(("one", "two"), haplotypes)]
    return {"samples": samples, "demography": demography, "recombination_rate": _INT_RATE}


# Three epochs: Flagel et al. 2019; sizes divided by 100 as there. The recombination rate is ours: equal to the
# mutation rate.
_DEM_LENGTH, _DEM_MU = 1_500_000, 1.2e-9


def _draw_demography(rng: np.random.Generator) -> Parameters:
    now, middle, old = (float(rng.uniform(100, high)) for high in (40_000, 5_000, 20_000))
    first = float(rng.uniform(100, 3_500))
    second = first + float(rng.uniform(1, 3_500))
    theta = 4 * now * _DEM_MU * _DEM_LENGTH
    return {"N0": now, "N1": middle, "N2": old, "t1": first, "t2": second, "theta": theta}


def _demography_history(parameters: Parameters, haplotypes: tuple[int, ...]) -> dict[str, Any]:
    msprime = require_module("msprime", extra="population")
    demography = msprime.Demography.isolated_model([parameters["N0"]])
    for time, size in (("t1", "N1"), ("t2", "N2")):
        demography.add_population_parameters_change(time=parameters[time], initial_size=parameters[size])
    return {"samples": haplotypes[0], "demography": demography, "recombination_rate": _DEM_MU}


DESIGNS: dict[str, Design] = {
    "recombination": Design(
        name="recombination",
        source="Flagel, Brandvain & Schrider 2019, phased case: n 50, 20,001 bp, mu 1.5e-8, r 10^U(-8,-6)",
        length=_REC_LENGTH,
        mutation_rate=_REC_MU,
        draw=_draw_recombination,
        history=_recombination_history,
        haplotypes=(50,),
        sizes=("size",),
        targets=("rho",),
        theta_above=3.0,
    ),
    "introgression": Design(
        name="introgression",
        source="own ranges: two populations, no gene flow or one pulse; sample sizes of Flagel et al. 2019",
        length=_INT_LENGTH,
        mutation_rate=_INT_MU,
        draw=_draw_introgression,
        history=_introgression_history,
        haplotypes=(20, 14),
        sizes=("size1", "size2", "ancestral"),
        classes=("none", "one_to_two", "two_to_one"),
    ),
    "demography": Design(
        name="demography",
        source="Flagel, Brandvain & Schrider 2019, three epochs: 1.5 Mb, mu 1.2e-9; recombination rate as mu (ours)",
        length=_DEM_LENGTH,
        mutation_rate=_DEM_MU,
        draw=_draw_demography,
        history=_demography_history,
        haplotypes=(50,),
        sizes=("N0", "N1", "N2"),
        targets=("N0", "N1", "N2", "t1", "t2"),
    ),
}


def draw_parameters(design: Design, run_seed: int, index: int) -> Parameters:
    """The parameters of one example, without simulating it."""
    return design.draw(generator(run_seed, design.name, "parameters", index))


def simulate_trees(
    design: Design, run_seed: int, index: int, *, haplotypes: tuple[int, ...] | None = None, larger: float = 1.0
) -> Any:
    """The tree sequence of one example, with mutations; the same address gives the same one on any worker.

    Args:
        design: of the simulation.
        run_seed: root of all randomness.
        index: address.
        haplotypes: of each population; of the published design where left out.
        larger: factor of all population sizes; the other parameters stay as drawn.
    """
    msprime = require_module("msprime", extra="population")
    parameters = draw_parameters(design, run_seed, index)
    parameters |= {name: larger * parameters[name] for name in design.sizes}
    sampled = haplotypes or design.haplotypes
    seed = derive_seed(run_seed, design.name, "ancestry", index)
    ancestry = None if design.selected is None else design.selected(parameters, sampled, seed)
    if ancestry is None:
        arguments = design.history(parameters, sampled)
        if isinstance(arguments["samples"], int):
            arguments["samples"] = [msprime.SampleSet(arguments["samples"], ploidy=1)]
        ancestry = msprime.sim_ancestry(
            **arguments,
            ploidy=2,  # sizes count diploids: theta is 4 N mu
            sequence_length=design.length,
            random_seed=seed,
        )
    return msprime.sim_mutations(
        ancestry,
        rate=design.mutation_rate,
        model=msprime.BinaryMutationModel(),
        discrete_genome=False,
        random_seed=derive_seed(run_seed, design.name, "mutations", index),
    )
