"""Regions of simulated truth, and of histories drawn from the ranges, addressable by (run seed, index)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated
from chiasma.methods.population.pg_gan.config import Config, tiny
from chiasma.simulate.central_regions import replicate_trees, sample_sets
from chiasma.simulate.demographies import Model, Prior, demography_of, resized
from chiasma.simulate.demographies_fitted import fitted_model
from chiasma.simulate.demographies_pg_gan import MODELS
from chiasma.simulate.region_rates import drawn_rates

CLASSES = ("simulated", "observed")


@dataclass(frozen=True)
class Region:
    """What is cut from longer haplotypes: windows of so many bases."""

    length: float


def design(config: Config) -> Region:
    """The windows of real haplotypes that the discriminator reads."""
    return Region(config.length)


def history(config: Config) -> Model:
    """The history that is fitted.

    Raises:
        InputError: a demes file that is absent, has no priors, or cannot be simulated at some values in their ranges.
        FormatError: not a demes file.
    """
    return fitted_model(config.demes) if config.demes else MODELS[config.model]


def population_names(config: Config) -> tuple[str, ...]:
    """Populations by which those of genotypes are known, in row order; empty: they are told by their order alone."""
    return history(config).populations if config.demes else ()


def inferred(config: Config) -> tuple[Prior, ...]:
    """Those that are inferred, with their ranges.

    Raises:
        UsageError: the history has no parameter of that name.
    """
    known = {prior.name: prior for prior in history(config).priors}
    for name in config.parameters:
        if name not in known:
            raise unknown_name(f"parameter of {history(config).name}", name, known)
    return tuple(known[name] for name in config.parameters or known)


def values_of(config: Config, vector: np.ndarray) -> dict[str, float]:
    """All values by name: those inferred from their vector, the others as given."""
    found = {prior.name: float(value) for prior, value in zip(inferred(config), vector, strict=True)}
    return {**truth(config), **found}


def sample_sizes(config: Config) -> tuple[int, ...]:
    """Haplotypes of each population, in row order.

    Raises:
        UsageError: no number, or not one for each population.
    """
    chosen = history(config)
    sizes = config.haplotypes or chosen.haplotypes
    if len(sizes) != len(chosen.populations):
        of_file = bool(config.demes)
        named = f"metadata: {{haplotypes: {{{', '.join(f'{name}: 20' for name in chosen.populations)}}}}}"
        raise UsageError(
            f"haplotypes are not those of the populations of {chosen.name}",
            where="--haplotypes",
            got=", ".join(map(str, sizes)) or "no number",
            expected=f"a number each of {', '.join(chosen.populations)}",
            do=f"--haplotypes '{[20] * len(chosen.populations)}'" + (", or name them in the file: " + named) * of_file,
        )
    return sizes


def truth(config: Config) -> dict[str, float]:
    """Values of all parameters where data are simulated.

    Raises:
        UsageError: no such parameter, or one that is inferred and lies outside its range, where it cannot be found.
    """
    chosen = history(config)
    complete = chosen.complete(config.truth)
    for prior in inferred(config):
        if not prior.low <= complete[prior.name] <= prior.high:
            raise UsageError(
                "the value of a parameter that is inferred lies outside its range",
                where=f"--set truth.{prior.name}",
                got=f"{complete[prior.name]:g}{' ' * bool(prior.unit)}{prior.unit}",
                expected=f"{prior.low:g} to {prior.high:g}",
                do=f"give a value within it, or let {prior.name} be given: name the parameters to infer (--parameters)",
            )
    return complete


def draw_values(config: Config, rng: np.random.Generator) -> dict[str, float]:
    """All values, those inferred uniform in their ranges."""
    return values_of(config, np.array([prior.draw(rng) for prior in inferred(config)]))


def trees(config: Config, values: dict[str, float], *, number: int, seed: int, factor: float = 1.0) -> Any:
    """Tree sequences of regions under these values, one after another, all populations larger by a factor."""
    chosen = history(config) if factor == 1 else resized(history(config), factor)

    def along_map(index: int) -> Any:
        return drawn_rates(config.genetic_map, config.length, generator(seed, "recombination", index))

    return replicate_trees(
        demography_of(chosen, values),
        sample_sets(chosen.populations, sample_sizes(config)),
        number=number,
        length=config.length,
        mutation_rate=config.mutation_rate,
        recombination_rate=along_map if config.genetic_map else config.recombination_rate,
        seed=seed,
    )


def draw(config: Config, run_seed: int, index: int) -> np.ndarray:
    """The class of one example: odd addresses are observed, that is, of the simulated truth."""
    return np.array(index % 2, np.int64)


def held_out(config: Config, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on: all may."""
    return True


def target_names(config: Config) -> tuple[str, ...]:
    """Columns of the truth."""
    return ("class",)


def tree_sequence(config: Config, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example."""
    values = truth(config)
    if index % 2 == 0:
        values = draw_values(config, generator(run_seed, "pg-gan", "prior", index))
    return next(iter(trees(config, values, number=1, seed=derive_seed(run_seed, "pg-gan", "region", index))))


def simulate(config: Config, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, not yet encoded.

    Returns:
        alleles int8 (haplotype, site), 1 derived; positions float64 (site,), bases; region (start, end), bases;
        sizes (population,), haplotypes of each, in row order; target, as `draw` gives it.
    """
    ts = tree_sequence(config, run_seed, index)
    return {
        "alleles": np.ascontiguousarray(ts.genotype_matrix().T.astype(np.int8)),
        "positions": np.asarray(ts.sites_position),
        "region": np.array([0.0, config.length]),
        "sizes": np.array(sample_sizes(config)),
        "target": draw(config, run_seed, index),
    }


def simulated_dataset(config: Config, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet.

    Raises:
        UsageError, InputError: no such history, parameters or haplotypes of it.
    """
    inferred(config), sample_sizes(config)
    name = history(config).name
    ids = np.array([f"{name}:{run_seed}:{i}" for i in index], object)
    return Dataset(
        ids=ids,
        x=Simulated(simulate, config, run_seed, index),
        target=Target("binary", np.array([draw(config, run_seed, int(i)) for i in index]), CLASSES),
        unit=np.arange(len(index)),
        unit_name="simulated region",
        notes={"truth": truth(config), "simulator": "msprime, standard coalescent", "run_seed": run_seed},
    )


def example(seed: int) -> Dataset:
    """A few dozen small regions."""
    return simulated_dataset(tiny(), seed, np.arange(48))
