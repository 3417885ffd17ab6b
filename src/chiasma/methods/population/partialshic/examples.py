"""Regions with a complete or partial sweep in the middle window, in another one, or none, by (run seed, index)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.methods.population.partialshic.config import Config, tiny
from chiasma.simulate.sweep_regions import (
    NINE,
    SweepDesign,
    class_of,
    region_dataset,
    simulate_region,
    simulate_region_trees,
)
from chiasma.stats.popgen.features import Statistics, region_summary

CLASSES = NINE


def design(config: Config) -> SweepDesign:
    """History, rates and ranges; the length of the regions."""
    return config.sweeps


def feature_set(config: Config) -> Statistics:
    """The set of statistics that is read of a region."""
    return "partial"


def statistics(config: Config, data: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values of what real windows are compared with simulated ones by (example, statistic)."""
    return region_summary(data.x, "partial")  # type: ignore[arg-type]


def sample_sizes(config: Config) -> tuple[int, ...]:
    """Haplotypes of the one population."""
    return (config.sweeps.haplotypes,)


def draw(config: Config, run_seed: int, index: int) -> np.ndarray:
    """The class of one example."""
    return np.array(class_of(CLASSES, index), np.int64)


def held_out(config: Config, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on: all may."""
    return True


def target_names(config: Config) -> tuple[str, ...]:
    """Columns of the truth."""
    return ("class",)


def tree_sequence(config: Config, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example, with mutations."""
    return simulate_region_trees(config.sweeps, CLASSES, run_seed, index)


def simulate(config: Config, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example: grid (statistic, window) but for iHS, which stands by site; sites (window,), target."""
    return simulate_region(config.sweeps, CLASSES, "partial", run_seed=run_seed, index=index)


def resized(config: Config, run_seed: int, index: int, *, factor: float) -> dict[str, np.ndarray]:
    """The example of a population whose sizes are `factor` times as large."""
    return simulate_region(config.sweeps, CLASSES, "partial", run_seed=run_seed, index=index, factor=factor)


def simulated_dataset(config: Config, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet; column `window` tells the place."""
    return region_dataset(simulate, config, design=config.sweeps, classes=CLASSES, run_seed=run_seed, index=index)


def example(seed: int) -> Dataset:
    """A few dozen small regions."""
    return simulated_dataset(tiny(), seed, np.arange(63))
