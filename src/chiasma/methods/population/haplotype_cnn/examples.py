"""Simulated examples: addressable by (run seed, index), the same on any worker."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.dataset import Dataset, Target, TargetKind
from chiasma.data.simulated import Simulated
from chiasma.io.trees import from_tree_sequence
from chiasma.methods.population.haplotype_cnn.config import Config, tiny
from chiasma.simulate.coalescent import DESIGNS, Design, draw_parameters, simulate_trees
from chiasma.simulate.sweep_design import SWEEPS


def design(config: Config) -> Design:
    """The design behind a target."""
    return SWEEPS if config.target == "sweeps" else DESIGNS[config.target]


def sample_sizes(config: Config) -> tuple[int, ...]:
    """Haplotypes of each population, in row order."""
    return config.haplotypes or design(config).haplotypes


def describe_target(config: Config) -> tuple[TargetKind, tuple[str, ...], str]:
    """Kind, names and unit of what is predicted."""
    chosen = design(config)
    if chosen.classes:
        return "multiclass", chosen.classes, ""
    unit = "natural log of 4 N r L" if config.target == "recombination" else "natural log of diploids or generations"
    return "regression", tuple(f"log_{name}" for name in chosen.targets), unit


def target_names(config: Config) -> tuple[str, ...]:
    """Columns of the truth: tracks, or the class."""
    kind, names, _ = describe_target(config)
    return names if kind == "regression" else ("class",)


def draw(config: Config, run_seed: int, index: int) -> np.ndarray:
    """The target of one example, without simulating it: float64 (track,), or the class as int64 ()."""
    chosen = design(config)
    parameters = draw_parameters(chosen, run_seed, index)
    if chosen.classes:
        return np.array(int(parameters["label"]), np.int64)
    return np.log([parameters[name] for name in chosen.targets])


def held_out(config: Config, run_seed: int, index: int) -> bool:
    """Whether an example may be one to validate or test on (Flagel et al. scored theta > 3 only)."""
    chosen = design(config)
    return draw_parameters(chosen, run_seed, index)["theta"] > chosen.theta_above


def tree_sequence(config: Config, run_seed: int, index: int) -> Any:
    """The tskit.TreeSequence of one example, for `chiasma simulate`."""
    return simulate_trees(design(config), run_seed, index, haplotypes=sample_sizes(config))


def simulate(config: Config, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, not yet encoded.

    Returns:
        alleles int8 (haplotype, site), 1 derived; positions float64 (site,), bases; region (start, end), bases;
        sizes (population,), haplotypes of each, in row order; target, as `draw` gives it.
    """
    return _example(config, tree_sequence(config, run_seed, index), draw(config, run_seed, index))


def parameters(config: Config, run_seed: int, index: int) -> np.ndarray:
    """Natural logs of all that is drawn for an example but its class (parameter,)."""
    drawn = draw_parameters(design(config), run_seed, index)
    return np.log([value for name, value in drawn.items() if name != "label"])


def resized(config: Config, run_seed: int, index: int, *, factor: float) -> dict[str, np.ndarray]:
    """The same example from populations larger by a factor, its target as if they were not: a demographic error."""
    trees = simulate_trees(design(config), run_seed, index, haplotypes=sample_sizes(config), larger=factor)
    return _example(config, trees, draw(config, run_seed, index))


def reads_derived(config: Config) -> bool:
    """Whether the encoding tells derived alleles from ancestral ones, so that real data must be polarised."""
    return config.encoding.orient == "given"


def _example(config: Config, trees: Any, target: np.ndarray) -> dict[str, np.ndarray]:
    haplotypes = from_tree_sequence(trees).haplotypes
    return {
        "alleles": haplotypes.alleles,
        "positions": haplotypes.positions,
        "region": np.array([haplotypes.start, haplotypes.end]),
        "sizes": np.array(sample_sizes(config)),
        "target": target,
    }


def simulated_dataset(config: Config, run_seed: int, index: np.ndarray) -> Dataset:
    """A Dataset of the examples at the addresses `index`, none of them run yet."""
    kind, names, unit = describe_target(config)
    values = np.array([draw(config, run_seed, int(i)) for i in index])
    ids = np.array([f"{config.target}:{run_seed}:{i}" for i in index], object)
    chosen = design(config)
    notes = {
        "design": chosen.source,
        "simulator": "msprime, standard coalescent" + ("; sweeps by chiasma" if chosen.selected else ""),
        "run_seed": run_seed,
    }
    return Dataset(
        ids=ids,
        x=Simulated(simulate, config, run_seed, index),
        target=Target(kind, values, names, unit),
        unit=np.arange(len(index)),
        unit_name="simulated region",
        notes=notes,
    )


def example(seed: int) -> Dataset:
    """A few dozen small simulations."""
    return simulated_dataset(tiny(), seed, np.arange(96))
