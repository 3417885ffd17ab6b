"""Regions with a sweep in one of eleven windows, or none, as the S/HIC family learns from: addressable, of a history.

Priors are those of diploS/HIC's launch script (kr-colab/diploSHIC, generateSimLaunchScript.py, MIT), in our units: an
advantage s counts the homozygote, twice what discoal's alpha / 2N counts; times are generations, where it has 4N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from chiasma.core.checks import require_module
from chiasma.core.config import Config
from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.core.files import until_changed
from chiasma.core.rng import derive_seed, generator
from chiasma.data.accessibility import Accessibility
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated, Simulator
from chiasma.io.masks import read_mask
from chiasma.io.trees import from_tree_sequence
from chiasma.simulate.demographies import read_graph
from chiasma.simulate.masked import MaskedStretches, find_stretches
from chiasma.simulate.region_rates import drawn_rates, map_stretches, map_tells
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep
from chiasma.stats.popgen.features import WINDOWS, Statistics, summarise_region

FIVE = ("hard", "neutral", "soft", "linked_soft", "linked_hard")
"""Classes of diploS/HIC in its order: what happened in the middle window, or in another one (linked)."""
NINE = (
    *("neutral", "hard", "linked_hard", "soft", "linked_soft"),
    *("partial_hard", "linked_partial_hard", "partial_soft", "linked_partial_soft"),
)
"""Classes of partialS/HIC in its order."""
LEAST_ACCESSIBLE = 0.25
"""Share of a window's bases that must be accessible, as in diploS/HIC."""


class SweepDesign(Config):
    """Under which history regions are simulated, and from which ranges their sweeps are drawn."""

    reads_files: ClassVar[tuple[str, ...]] = ("demes", "mask", "genetic_map")
    gives_way: ClassVar[Mapping[str, str]] = {"recombination_rate": "genetic_map"}

    haplotypes: int = Field(default=100, ge=8, description="of the sample; diploids are pairs of them")
    length: float = Field(default=1_100_000, gt=0, description="bases of a region: eleven windows")
    sizes: tuple[float, ...] = Field(
        default=(10_000.0,), min_length=1, description="diploids in each epoch, the present first"
    )
    starts: tuple[float, ...] = Field(default=(0.0,), description="generations ago at which each epoch begins, 0 first")
    demes: str = Field(default="", description="demes YAML whose history is taken in place of sizes and starts")
    deme: str = Field(default="", description="deme of it that is sampled; empty: its only one today")
    mutation_rate: float = Field(default=1.25e-8, gt=0, description="a base and generation, the mean over regions")
    mutation_range: tuple[float, float] = Field(
        default=(2 / 11, 20 / 11), description="a region's mutation rate is uniform between these multiples of the mean"
    )
    recombination_rate: float = Field(
        default=1.25e-8, ge=0, description="a base and generation; a region's is exponential with this mean"
    )
    recombination_most: float = Field(
        default=3.0,
        ge=0,
        description="multiple of the mean above which it is drawn again; 0: every region has the mean",
    )
    genetic_map: str = Field(
        default="",
        description="HapMap, gmap or PLINK map: each region takes the rates of a stretch of it, not a rate drawn",
    )
    strengths: tuple[float, float] = Field(
        default=(0.005, 0.05), description="range of the homozygote's advantage, uniform; the heterozygote has half"
    )
    start_frequencies: tuple[float, float] = Field(
        default=(0.0, 0.1), description="soft: range of the frequency at which selection begins, uniform"
    )
    ends: tuple[float, float] = Field(
        default=(0.0, 2_000.0), description="complete: range of the time since fixation, generations, uniform"
    )
    final_frequencies: tuple[float, float] = Field(
        default=(0.2, 0.99), description="partial: range of the allele's frequency today, uniform"
    )
    mispolarised: float = Field(
        default=0.0, ge=0, lt=0.5, description="share of sites whose ancestral allele is taken for the derived one"
    )
    mask: str = Field(default="", description="BED of accessible bases: each region wears the mask of a real one")

    @model_validator(mode="after")
    def _ranges(self) -> SweepDesign:
        for name in ("mutation_range", "strengths", "start_frequencies", "ends", "final_frequencies"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name} must be a range from 0 or more upwards")
        if self.start_frequencies[1] >= 1 or self.final_frequencies[1] > 1:
            raise ValueError("frequencies lie below 1")
        if self.final_frequencies[0] <= self.start_frequencies[1]:
            raise ValueError("a partial sweep ends above the frequency at which it began")
        if len(self.sizes) != len(self.starts):
            raise ValueError(f"{len(self.sizes)} sizes and {len(self.starts)} starts")
        if self.genetic_map and self.recombination_rate != type(self).model_fields["recombination_rate"].default:
            raise ValueError("a genetic map gives the rates: leave genetic_map or recombination_rate out")
        return self


@dataclass(frozen=True)
class RegionCase:
    """What is simulated at one address.

    Attributes:
        kind: the class.
        window: in which the sweep lies; None where there is none.
        sweep: the selected allele, or None.
        mutation_rate: of the region, a base and generation.
        recombination_rate: likewise, where no genetic map gives the rates.
    """

    kind: str
    window: int | None
    sweep: Sweep | None
    mutation_rate: float
    recombination_rate: float


def class_of(classes: tuple[str, ...], index: int) -> int:
    """The class of an address: one after the other, so that any run of addresses is balanced."""
    return index % len(classes)


def draw_case(design: SweepDesign, classes: tuple[str, ...], run_seed: int, index: int) -> RegionCase:
    """The parameters of one region, which follow from its address alone; a linked sweep may lie in any other window."""
    rng = generator(run_seed, "sweep-region", index)
    kind = classes[class_of(classes, index)]
    mutation = design.mutation_rate * float(rng.uniform(*design.mutation_range))
    recombination = design.recombination_rate
    if design.recombination_most:
        recombination = np.inf
        while recombination > design.recombination_most * design.recombination_rate:
            recombination = float(rng.exponential(design.recombination_rate))
    if kind == "neutral":
        return RegionCase(kind, None, None, mutation, recombination)
    window = WINDOWS // 2
    if kind.startswith("linked"):
        others = [place for place in range(WINDOWS) if place != window]
        window = others[int(rng.integers(len(others)))]
    size = history_of(design).at(0.0)
    soft = kind.endswith("soft")
    start = max(float(rng.uniform(*design.start_frequencies)), 0.5 / size) if soft else 0.0
    partial = "partial" in kind
    end = 0.0 if partial else float(rng.uniform(*design.ends))
    sweep = Sweep(
        position=(window + 0.5) / WINDOWS * design.length,
        s=float(rng.uniform(*design.strengths)),
        end=end,
        final_frequency=float(rng.uniform(*design.final_frequencies)) if partial else 1.0,
        start_frequency=start,
    )
    return RegionCase(kind, window, sweep, mutation, recombination)


def history_of(design: SweepDesign) -> SizeHistory:
    """The sizes of the population.

    Raises:
        InputError: no such file, or its deme has a history under which sweeps are not simulated.
        FormatError: not a demes model.
    """
    if design.demes:
        return _from_demes(design.demes, design.deme)
    return SizeHistory(np.array(design.sizes), np.array(design.starts))


@until_changed
def _from_demes(path: str, deme: str) -> SizeHistory:
    graph = read_graph(path)
    today = [one.name for one in graph.demes if one.end_time == 0]
    if not deme and len(today) != 1:
        number = "several demes are" if today else "no deme is"
        raise InputError(f"{number} alive today", where=path, got=", ".join(today), do="name one: --deme NAME")
    return SizeHistory.from_demes(graph, deme or today[0], source=path)


def simulate_region_trees(
    design: SweepDesign, classes: tuple[str, ...], run_seed: int, index: int, *, factor: float = 1.0
) -> Any:
    """The tskit.TreeSequence of one address, with mutations; `factor` multiplies the sizes of its history."""
    msprime = require_module("msprime", extra="population")
    case = draw_case(design, classes, run_seed, index)
    seed = derive_seed(run_seed, "sweep-region", "trees", index)
    history = history_of(design)
    history = SizeHistory(history.sizes * factor, history.starts)
    recombination: Any = case.recombination_rate
    if design.genetic_map:
        recombination = _rates(design, run_seed, index)
    if case.sweep is None:
        ancestry = msprime.sim_ancestry(
            [msprime.SampleSet(design.haplotypes, ploidy=1)],
            demography=history.demography(),
            sequence_length=design.length,
            recombination_rate=recombination,
            discrete_genome=False,
            random_seed=seed,
        )
    else:
        ancestry = simulate_sweep(
            case.sweep,
            history,
            haplotypes=design.haplotypes,
            length=design.length,
            recombination=recombination,
            seed=seed,
        )
    return msprime.sim_mutations(
        ancestry,
        rate=case.mutation_rate,
        model=msprime.BinaryMutationModel(),
        discrete_genome=False,
        random_seed=derive_seed(seed, "mutations"),
    )


def simulate_region(
    design: SweepDesign,
    classes: tuple[str, ...],
    statistics: Statistics,
    *,
    run_seed: int,
    index: int,
    factor: float = 1.0,
) -> dict[str, np.ndarray]:
    """One example: the statistics of one address in its windows, and `target`, its class."""
    trees = simulate_region_trees(design, classes, run_seed, index, factor=factor)
    haplotypes = from_tree_sequence(trees).haplotypes
    if design.mispolarised:
        flipped = generator(run_seed, "sweep-region", "flips", index).random(haplotypes.n_sites) < design.mispolarised
        alleles = np.where(flipped, 1 - haplotypes.alleles, haplotypes.alleles)
        haplotypes = replace(haplotypes, alleles=alleles)
    accessible = worn_mask(design, run_seed, index) if design.mask else None
    example = summarise_region(haplotypes, statistics, accessible=accessible)
    return {**example, "target": np.array(class_of(classes, index), np.int64)}


def region_dataset(
    simulate: Simulator,
    config: Any,
    *,
    design: SweepDesign,
    classes: tuple[str, ...],
    run_seed: int,
    index: np.ndarray,
) -> Dataset:
    """A Dataset of addresses, none of them run yet; column `window` tells where the sweep lies, -1 for none."""
    cases = [draw_case(design, classes, run_seed, int(address)) for address in index]
    windows = np.array([-1 if case.window is None else case.window for case in cases])
    return Dataset(
        ids=np.array([f"{case.kind}:{run_seed}:{address}" for case, address in zip(cases, index)], object),
        x=Simulated(simulate, config, run_seed, index),
        target=Target("multiclass", np.array([class_of(classes, int(address)) for address in index]), classes),
        unit=np.arange(len(index)),
        unit_name="simulated region",
        columns={"window": windows},
        notes={
            "statistics": f"by window, {WINDOWS} windows of {design.length / WINDOWS:,.0f} bases",
            "simulator": "msprime; sweeps by chiasma.simulate.sweeps",
            "run_seed": run_seed,
        },
    )


def worn_mask(design: SweepDesign, run_seed: int, index: int) -> Accessibility:
    """The mask of a stretch of the real genome, drawn for an address and moved to where simulated regions lie.

    Raises:
        InputError: no such file.
        InsufficientDataError: no stretch as long as a region has a quarter of each window's bases.
    """
    if not Path(design.mask).is_file():
        raise InputError("no such mask", where=design.mask, expected="a BED file", do="check the path")
    return _worn(design).worn(generator(run_seed, "sweep-region", "mask", index))


def _rates(design: SweepDesign, run_seed: int, index: int) -> Any:
    """Rates along the region of an address, an msprime.RateMap: of the stretch whose mask it wears, if it wears one."""
    if not design.mask:
        return drawn_rates(design.genetic_map, design.length, generator(run_seed, "sweep-region", "rates", index))
    masked = _worn(design)
    row = masked.drawn(generator(run_seed, "sweep-region", "mask", index))
    return map_stretches(design.genetic_map, design.length).along(masked.contigs[row], int(masked.starts[row]))


def _worn(design: SweepDesign) -> MaskedStretches:
    """The stretches whose masks regions wear; with a genetic map those of which it tells rates."""
    found = _masked(design.mask, design.length)
    return _told(design.genetic_map, found) if design.genetic_map else found


@until_changed
def _masked(path: str, length: float) -> MaskedStretches:
    return find_stretches(read_mask(path), length=length, least=LEAST_ACCESSIBLE, windows=WINDOWS, where=path)


@until_changed
def _told(path: str, stretches: MaskedStretches) -> MaskedStretches:
    chart = map_stretches(path, stretches.length).genetic_map
    told = np.zeros(len(stretches.starts), bool)
    for contig in np.unique(stretches.contigs):
        rows = np.flatnonzero(stretches.contigs == contig)
        told[rows] = map_tells(chart, contig, np.floor(stretches.starts[rows]), stretches.length)
    if not told.any():
        raise InsufficientDataError(
            "the genetic map tells no rates where the mask leaves enough",
            where=path,
            got=f"{len(told):,} stretches of the mask",
            do="check that mask and map share contigs and build",
        )
    return replace(stretches, starts=stretches.starts[told], contigs=stretches.contigs[told])
