"""Neutral regions and regions with a sweep in their middle, addressable by (run seed, index)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated
from chiasma.methods.population.selection_detector.config import Config, tiny
from chiasma.simulate.central_regions import replicate_trees
from chiasma.simulate.demographies import Model, resized as larger
from chiasma.simulate.demographies_pg_gan import MODELS
from chiasma.simulate.region_rates import drawn_rates
from chiasma.simulate.sweeps import Introduced, SizeHistory, Sweep, simulate_introduced, simulate_sweep

CLASSES = ("neutral", "selected")


@dataclass(frozen=True)
class Region:
    """What is cut from longer haplotypes: windows of so many bases, that begin so many bases apart."""

    length: float
    step: float


def design(config: Config) -> Region:
    """The windows of real haplotypes that the detector reads."""
    return Region(config.length, config.step)


def sample_sizes(config: Config) -> tuple[int, ...]:
    """Haplotypes of the one population."""
    return (config.haplotypes,)


def draw(config: Config, run_seed: int, index: int) -> np.ndarray:
    """The class of one example: odd addresses are selected."""
    return np.array(index % 2, np.int64)


def strength(config: Config, index: int) -> float:
    """The selection coefficient of one example: 0, or one after the other of those configured."""
    return config.strengths[index // 2 % len(config.strengths)] if index % 2 else 0.0


def held_out(config: Config, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on: all may."""
    return True


def target_names(config: Config) -> tuple[str, ...]:
    """Columns of the truth."""
    return ("class",)


def tree_sequence(config: Config, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example, with mutations; a selected site that segregates is one of its sites."""
    return _trees(config, MODELS[config.model], run_seed, index)


def _trees(config: Config, model: Model, run_seed: int, index: int) -> Any:
    history = SizeHistory.from_demes(model.graph(model.complete(config.truth)), model.populations[0])
    seed = derive_seed(run_seed, "selection-detector", "region", index)
    msprime = require_module("msprime", extra="population")
    recombination: Any = config.recombination_rate
    if config.genetic_map:
        recombination = drawn_rates(config.genetic_map, config.length, generator(seed, "recombination"))
    if index % 2 == 0:
        # the same steps of growth as for sweeps, so that they tell nothing
        rates: dict[str, Any] = {"length": config.length, "mutation_rate": config.mutation_rate}
        rates["recombination_rate"] = (lambda _: recombination) if config.genetic_map else recombination
        sample = [msprime.SampleSet(config.haplotypes, ploidy=1)]
        return next(replicate_trees(history.demography(), sample, number=1, **rates, seed=seed))
    settings: dict[str, Any] = {"haplotypes": config.haplotypes, "length": config.length, "seed": seed}
    settings["recombination"] = recombination
    place, s = config.length / 2, strength(config, index)
    if config.introduced:
        ancestry = simulate_introduced(Introduced(place, s, round(config.introduced)), history, **settings)
    else:
        sweep = Sweep(position=place, s=s, final_frequency=_frequency(config, run_seed, index))
        ancestry = simulate_sweep(sweep, history, **settings)
    return msprime.sim_mutations(
        ancestry,
        rate=config.mutation_rate,
        model=msprime.BinaryMutationModel(),
        discrete_genome=False,
        random_seed=derive_seed(seed, "mutations"),
    )


def simulate(config: Config, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, not yet encoded.

    Returns:
        alleles int8 (haplotype, site), 1 derived; positions float64 (site,), bases; region (start, end), bases;
        sizes (population,), haplotypes of each, in row order; target, as `draw` gives it.
    """
    return _example(config, tree_sequence(config, run_seed, index), draw(config, run_seed, index))


def resized(config: Config, run_seed: int, index: int, *, factor: float) -> dict[str, np.ndarray]:
    """The same example from a population larger by a factor: a demographic error."""
    trees = _trees(config, larger(MODELS[config.model], factor), run_seed, index)
    return _example(config, trees, draw(config, run_seed, index))


def parameters(config: Config, run_seed: int, index: int) -> np.ndarray:
    """What is drawn for an example but its class: strength, and frequency of the selected allele today (parameter,).

    The frequency is 0 where it is chance (`introduced`).
    """
    drawn = index % 2 and not config.introduced
    return np.array([strength(config, index), _frequency(config, run_seed, index) if drawn else 0.0])


def _frequency(config: Config, run_seed: int, index: int) -> float:
    return float(generator(run_seed, "selection-detector", "sweep", index).uniform(config.lowest_frequency, 1))


def _example(config: Config, ts: Any, target: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "alleles": np.ascontiguousarray(np.minimum(ts.genotype_matrix(), 1).T.astype(np.int8)),
        "positions": np.asarray(ts.sites_position),
        "region": np.array([0.0, config.length]),
        "sizes": np.array(sample_sizes(config)),
        "target": target,
    }


def simulated_dataset(config: Config, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet; column `strength` tells s."""
    return Dataset(
        ids=np.array([f"{config.model}:{run_seed}:{i}" for i in index], object),
        x=Simulated(simulate, config, run_seed, index),
        target=Target("binary", np.array([draw(config, run_seed, int(i)) for i in index]), CLASSES),
        unit=np.arange(len(index)),
        unit_name="simulated region",
        columns={"strength": np.array([strength(config, int(i)) for i in index])},
        notes={"simulator": "msprime; sweeps by chiasma.simulate.sweeps", "run_seed": run_seed},
    )


def example(seed: int) -> Dataset:
    """A few dozen small regions."""
    return simulated_dataset(tiny(), seed, np.arange(96))
