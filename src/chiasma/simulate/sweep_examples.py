"""What every method of the S/HIC family says of its simulated examples, by what its configuration says.

A configuration has `sweeps` (a SweepDesign), `statistics` (which are read of a region) and `classes` (in order).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.simulate.sweep_regions import (
    SweepDesign,
    class_of,
    region_dataset,
    simulate_region,
    simulate_region_trees,
)
from chiasma.stats.popgen.features import Statistics, region_summary

__all__ = [
    "design",
    "draw",
    "feature_set",
    "held_out",
    "resized",
    "sample_sizes",
    "simulate",
    "simulated_dataset",
    "statistics",
    "target_names",
    "tree_sequence",
]

SMALL = SweepDesign(
    haplotypes=16,
    length=110_000,
    sizes=(1_000.0,),
    mutation_rate=4e-7,
    mutation_range=(1.0, 1.0),
    recombination_rate=1e-7,
    strengths=(0.1, 0.3),
    ends=(0.0, 20.0),
)
"""For tests: short regions with many mutations, strong sweeps."""

ANOPHELES = SweepDesign(
    length=55_000,
    sizes=(500_000.0,),
    mutation_rate=3.5e-9,
    recombination_rate=1.75e-8,
    strengths=(2e-4, 1e-2),
    ends=(0.0, 100_000.0),
)
"""Regions and priors as for Anopheles, on which diploS/HIC and partialS/HIC are published."""


def design(config: Any) -> SweepDesign:
    """History, rates and ranges; the length of the regions."""
    found: SweepDesign = config.sweeps
    return found


def feature_set(config: Any) -> Statistics:
    """The set of statistics that is read of a region."""
    found: Statistics = config.statistics
    return found


def statistics(config: Any, data: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values of what real windows are compared with simulated ones by (example, statistic)."""
    return region_summary(data.x, config.statistics)  # type: ignore[arg-type]


def sample_sizes(config: Any) -> tuple[int, ...]:
    """Haplotypes of the one population."""
    return (config.sweeps.haplotypes,)


def draw(config: Any, run_seed: int, index: int) -> np.ndarray:
    """The class of one example."""
    return np.array(class_of(config.classes, index), np.int64)


def held_out(config: Any, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on: all may."""
    return True


def target_names(config: Any) -> tuple[str, ...]:
    """Columns of the truth."""
    return ("class",)


def tree_sequence(config: Any, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example, with mutations."""
    return simulate_region_trees(config.sweeps, config.classes, run_seed, index)


def simulate(config: Any, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example: grid (statistic, window), iHS of partialS/HIC by site; sites (window,); target."""
    return simulate_region(config.sweeps, config.classes, config.statistics, run_seed=run_seed, index=index)


def resized(config: Any, run_seed: int, index: int, *, factor: float) -> dict[str, np.ndarray]:
    """The example of a population whose sizes are `factor` times as large."""
    return simulate_region(
        config.sweeps, config.classes, config.statistics, run_seed=run_seed, index=index, factor=factor
    )


def simulated_dataset(config: Any, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet; column `window` tells the place."""
    return region_dataset(
        simulate, config, design=config.sweeps, classes=config.classes, run_seed=run_seed, index=index
    )
