"""Chromosomes of admixed populations with a site under selection, addressable by (run seed, index)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import SUMMARIES, summarise_tracts
from chiasma.methods.population.painted_chromosomes.config import Config, tiny
from chiasma.simulate.admixture import Admixed, Admixture, simulate_admixture
from chiasma.simulate.sweeps import SizeHistory


def sample_sizes(config: Config) -> tuple[int, ...]:
    """Haplotypes of the one population."""
    return (config.haplotypes,)


def draw(config: Config, run_seed: int, index: int) -> np.ndarray:
    """Position of the selected site in bases and its s, float64 (2,); NaN and 0 where nothing is selected."""
    rng = generator(run_seed, "painted-chromosomes", "draw", index)
    position, s, chance = rng.uniform(0, config.length), rng.uniform(0, config.strongest), rng.random()
    return np.array([np.nan, 0.0]) if chance < config.neutral else np.array([position, s])


def held_out(config: Config, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on: all may."""
    return True


def target_names(config: Config) -> tuple[str, ...]:
    """Columns of the truth."""
    return ("position", "s")


def true_interval(config: Config, positions: np.ndarray) -> np.ndarray:
    """1 in the columns of the box around each position, float32 (chromosome, column); NaN has none."""
    centre = site_columns(config, positions)
    apart = np.abs(np.arange(config.columns) - np.floor(centre)[:, None])
    return (apart <= config.box // 2).astype(np.float32)


def site_columns(config: Config, positions: np.ndarray) -> np.ndarray:
    """Where positions lie in columns from the beginning (chromosome,)."""
    return np.asarray(positions, np.float64) / config.length * config.columns


def admixed(config: Config, run_seed: int, index: int) -> Admixed:
    """The sample of one address."""
    position, s = draw(config, run_seed, index)
    where = config.length / 2 if np.isnan(position) else float(position)
    return simulate_admixture(
        Admixture(config.generations, config.share, where, s=float(s), frequencies=config.frequencies),
        SizeHistory(np.array(config.sizes), np.array(config.starts)),
        haplotypes=config.haplotypes,
        length=config.length,
        recombination=config.recombination_rate,
        seed=derive_seed(run_seed, "painted-chromosomes", "sample", index),
    )


def tree_sequence(config: Config, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example, back to the founding, without mutations."""
    return admixed(config, run_seed, index).trees


def called_tracts(config: Config, run_seed: int, index: int) -> Tracts:
    """The local ancestry of one example, for `chiasma simulate`."""
    return admixed(config, run_seed, index).tracts


def simulate(config: Config, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, not yet encoded: tracts as `Tracts.packed` gives them, and the target as `draw` gives it."""
    return {**admixed(config, run_seed, index).tracts.packed(), "target": draw(config, run_seed, index)}


def parameters(config: Config, run_seed: int, index: int) -> np.ndarray:
    """All that was drawn for an example but its place (1,): the selection coefficient."""
    return draw(config, run_seed, index)[1:]


def resized(config: Config, run_seed: int, index: int, *, factor: float) -> dict[str, np.ndarray]:
    """The same example from a population larger by a factor: a demographic error."""
    return simulate(config.replace(sizes=tuple(size * factor for size in config.sizes)), run_seed, index)


def statistics(config: Config, data: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values of what simulated and called chromosomes are compared by (example, summary)."""
    rows = [
        summarise_tracts(Tracts.unpacked(one), source=int(one.get("painted", 0)), columns=config.columns)
        for one in data.x  # type: ignore[union-attr]
    ]
    return SUMMARIES, np.array(rows).reshape(-1, len(SUMMARIES))


def simulated_dataset(config: Config, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet.

    Its target has a label a column of the chromosome: whether it lies in the box around the selected site.
    """
    truth = np.array([draw(config, run_seed, int(i)) for i in index]).reshape(-1, 2)
    names = column_names(config.columns)
    return Dataset(
        ids=np.array([f"painted:{run_seed}:{i}" for i in index], object),
        x=Simulated(simulate, config, run_seed, index),
        target=Target("multilabel", true_interval(config, truth[:, 0]), names, "column of the chromosome"),
        unit=np.arange(len(index)),
        unit_name="simulated chromosome",
        columns={"position": truth[:, 0], "s": truth[:, 1]},
        notes={
            "design": "one pulse of admixture, one beneficial allele that differs between the sources (Hamid 2023)",
            "simulator": "chiasma.simulate.admixture",
            "run_seed": run_seed,
        },
    )


@lru_cache(maxsize=8)
def column_names(columns: int) -> tuple[str, ...]:
    """Names of the columns, from 1."""
    return tuple(str(number) for number in range(1, columns + 1))


def example(seed: int) -> Dataset:
    """A few dozen small chromosomes."""
    return simulated_dataset(tiny(), seed, np.arange(120))
