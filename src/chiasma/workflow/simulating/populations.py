"""`simulate sweep`, `simulate admixture` and `simulate demography:MODEL`: tree sequences of a population with truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from chiasma.core.config import Config
from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.files import write_json
from chiasma.core.rng import derive_seed
from chiasma.workflow.predicting.predictions import write_table

DEMOGRAPHY = "demography:"

Truth = dict[str, float]


class Sampled(Config):
    """What is sampled."""

    haplotypes: int = Field(default=50, ge=2, description="sampled today, from each population")
    length: float = Field(default=50_000, gt=0, description="bases")
    recombination_rate: float = Field(default=1.25e-8, ge=0, description="a base and generation")


class Region(Sampled):
    """What is sampled, with mutations."""

    mutation_rate: float = Field(default=1.25e-8, ge=0, description="a base and generation")


class SweepConfig(Region):
    """A selective sweep in one population."""

    sizes: tuple[float, ...] = Field(default=(10_000.0,), description="diploids in each epoch, the present first")
    starts: tuple[float, ...] = Field(default=(0.0,), description="generations ago at which each epoch begins")
    place: float = Field(default=0.5, ge=0, lt=1, description="of the selected site, share of the region")
    s: float = Field(default=0.05, description="advantage of the homozygote; the heterozygote has half")
    end: float = Field(default=0.0, description="generations ago at which the final frequency was reached")
    final_frequency: float = Field(default=1.0, description="below 1: a partial sweep")
    start_frequency: float = Field(default=0.0, description="above 0: selection on standing variation")
    recurrence: float = Field(default=0.0, description="mutations to the allele, a copy and generation")


class AdmixtureConfig(Sampled):
    """An admixed population, followed back to its founders: trees end there, and have no mutations."""

    length: float = Field(default=5e7, gt=0, description="bases")
    recombination_rate: float = Field(default=1.3e-8, ge=0, description="a base and generation")
    size: float = Field(default=10_000.0, description="diploids of the admixed population")
    generations: int = Field(default=50, description="since the pulse")
    share: float = Field(default=0.5, description="of founders from source one")
    place: float = Field(default=0.5, ge=0, lt=1, description="of the selected site, share of the region")
    s: float = Field(default=0.0, description="advantage of the homozygote; the allele is fixed in source one only")


def is_population(model: str) -> bool:
    """Whether `simulate` finds a model here."""
    return model in ("sweep", "admixture") or model.startswith(DEMOGRAPHY)


def simulate_population(
    model: str, *, output: Path, number: int, seed: int, settings: Mapping[str, Any] | None = None
) -> Path:
    """Write tree sequences, truth.tsv, simulation.json, and of admixture the tracts.

    Args:
        model: sweep, admixture, or demography: and the name of a model (one of pg-gan's, a demes file, SPECIES/MODEL).
        output: folder.
        number: how many.
        seed: example i of a seed is always the same.
        settings: fields of the configuration; of a demography also values of its parameters, others are drawn.
    """
    config, one = _prepare(model, dict(settings or {}))
    name = model.removeprefix(DEMOGRAPHY).replace("/", "_").removesuffix(".yaml").removesuffix(".yml").lstrip("._")
    output.mkdir(parents=True, exist_ok=True)
    truth: list[Truth] = []
    ids = [f"{name}-{seed}-{index}" for index in range(number)]
    for index, identity in enumerate(ids):
        trees, values, tracts = one(seed, index)
        trees.dump(output / f"{identity}.trees")
        truth.append(values)
        if tracts is not None:
            columns = {"haplotype": tracts.haplotype, "left": tracts.left, "right": tracts.right}
            sources = np.array(tracts.populations, object)[tracts.source]
            write_table(output / f"{identity}.tracts.tsv", {**columns, "source": sources})
    table: dict[str, Any] = {"id": np.array(ids, object)}
    table |= {key: np.array([values[key] for values in truth]) for key in truth[0]} if truth else {}
    write_table(output / "truth.tsv", table)
    record = {"model": model, "seed": seed, "number": number, "config": config.model_dump(mode="json")}
    write_json(output / "simulation.json", record)
    return output


def _prepare(model: str, settings: dict[str, Any]) -> tuple[Sampled, Callable[[int, int], Any]]:
    if model == "sweep":
        sweep = SweepConfig.parse(settings, source="sweep")
        return sweep, lambda seed, index: _sweep(sweep, derive_seed(seed, model, index))
    if model == "admixture":
        admixture = AdmixtureConfig.parse(settings, source="admixture")
        return admixture, lambda seed, index: _admixture(admixture, derive_seed(seed, model, index))
    from chiasma.simulate.demographies import find_model, simulate_model

    demography = find_model(model.removeprefix(DEMOGRAPHY))
    names = [prior.name for prior in demography.priors]
    given = {key: settings.pop(key) for key in list(settings) if key in names}
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError("not a number", where=f"--set {key}", got=value)
    for key in settings:
        if key not in Region.model_fields:
            raise unknown_name(f"setting of {model}", key, [*names, *Region.model_fields])
    if demography.mutation_rate is not None:
        settings.setdefault("mutation_rate", demography.mutation_rate)
    region = Region.parse(settings, source=model)

    def one(seed: int, index: int) -> Any:
        values = {**demography.draw(seed, index), **given}
        trees = simulate_model(
            demography,
            values,
            haplotypes=dict.fromkeys(demography.populations, region.haplotypes),
            length=region.length,
            mutation_rate=region.mutation_rate,
            recombination=region.recombination_rate,
            seed=derive_seed(seed, model, index),
        )
        return trees, values, None

    return region, one


def _mutated(trees: Any, rate: float, seed: int) -> Any:
    import msprime

    model = msprime.BinaryMutationModel()
    random_seed = derive_seed(seed, "mutations")
    return msprime.sim_mutations(trees, rate=rate, model=model, discrete_genome=False, random_seed=random_seed)


def _sweep(config: SweepConfig, seed: int) -> Any:
    from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep

    sweep = Sweep(
        config.place * config.length,
        config.s,
        end=config.end,
        final_frequency=config.final_frequency,
        start_frequency=config.start_frequency,
        recurrence=config.recurrence,
    )
    trees = simulate_sweep(
        sweep,
        SizeHistory(np.array(config.sizes), np.array(config.starts)),
        haplotypes=config.haplotypes,
        length=config.length,
        recombination=config.recombination_rate,
        seed=seed,
    )
    truth = {"position": sweep.position, "s": sweep.s, "origins": float(trees.num_mutations)}
    return _mutated(trees, config.mutation_rate, seed), truth, None


def _admixture(config: AdmixtureConfig, seed: int) -> Any:
    from chiasma.simulate.admixture import Admixture, simulate_admixture
    from chiasma.simulate.sweeps import SizeHistory

    position = config.place * config.length
    admixed = simulate_admixture(
        Admixture(config.generations, config.share, position, s=config.s),
        SizeHistory.constant(config.size),
        haplotypes=config.haplotypes,
        length=config.length,
        recombination=config.recombination_rate,
        seed=seed,
    )
    share = float(admixed.tracts.shares()[:, 0].mean())
    truth = {"position": position, "s": config.s, "frequency": admixed.frequency, "share_one": share}
    return admixed.trees, truth, admixed.tracts
