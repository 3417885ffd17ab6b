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
from chiasma.io.trees import write_trees
from chiasma.simulate.stretch import Stretch
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
    model: str,
    *,
    output: Path,
    number: int,
    seed: int,
    settings: Mapping[str, Any] | None = None,
    stretch: Stretch | None = None,
) -> Path:
    """Write tree sequences, truth.tsv, simulation.json, and of admixture the tracts.

    Args:
        model: sweep, admixture, or demography: and the name of a model (one of pg-gan's, a demes file, SPECIES/MODEL).
        output: folder.
        number: how many.
        seed: example i of a seed is always the same.
        settings: fields of the configuration; of a demography also values of its parameters, others are drawn.
        stretch: of a genome, whose map and mask the simulations have, and whose length.

    Raises:
        UsageError: settings that contradict the stretch, or a mask for trees without mutations.
    """
    config, one = _prepare(model, _on_stretch(model, dict(settings or {}), stretch), stretch)
    name = model.removeprefix(DEMOGRAPHY).replace("/", "_").removesuffix(".yaml").removesuffix(".yml").lstrip("._")
    output.mkdir(parents=True, exist_ok=True)
    truth: list[Truth] = []
    ids = [f"{name}-{seed}-{index}" for index in range(number)]
    for index, identity in enumerate(ids):
        trees, values, tracts = one(seed, index)
        trees = trees if stretch is None else stretch.hide(trees)
        write_trees(output / f"{identity}.trees", trees)
        truth.append(values)
        if tracts is not None:
            write_tracts(output / f"{identity}.tracts.tsv", tracts)
    table: dict[str, Any] = {"id": np.array(ids, object)}
    table |= {key: np.array([values[key] for values in truth]) for key in truth[0]} if truth else {}
    write_table(output / "truth.tsv", table)
    record: dict[str, Any] = {"model": model, "seed": seed, "number": number, "config": config.model_dump(mode="json")}
    if stretch is not None:
        record["stretch"] = f"{stretch.contig}:{stretch.start + 1}-{stretch.end}"
    write_json(output / "simulation.json", record)
    return output


def write_tracts(path: Path, tracts: Any) -> None:
    """Write tracts as a table: haplotype, left, right, source; in whole bases."""
    sources = np.array(tracts.populations, object)[tracts.source]
    left, right = (np.round(side).astype(np.int64) for side in (tracts.left, tracts.right))
    kept = left < right
    columns = {"haplotype": tracts.haplotype, "left": left, "right": right, "source": sources}
    write_table(path, {name: values[kept] for name, values in columns.items()})


def _on_stretch(model: str, settings: dict[str, Any], stretch: Stretch | None) -> dict[str, Any]:
    """The settings with the length of the stretch."""
    if stretch is None:
        return settings
    if settings.setdefault("length", float(stretch.length)) != stretch.length:
        raise UsageError(
            "the length is that of the region", where="--set length", got=settings["length"], expected=stretch.length
        )
    if stretch.genetic_map is not None and "recombination_rate" in settings:
        raise UsageError("a map gives the rates", where="--set recombination_rate", do="leave it or --map out")
    if stretch.accessible is not None and model == "admixture":
        raise UsageError("these trees have no mutations to be masked", where="--mask", got=model, do="leave --mask out")
    return settings


def _rates(config: Sampled, stretch: Stretch | None) -> Any:
    return config.recombination_rate if stretch is None or stretch.genetic_map is None else stretch.rates()


def _prepare(
    model: str, settings: dict[str, Any], stretch: Stretch | None
) -> tuple[Sampled, Callable[[int, int], Any]]:
    if model == "sweep":
        sweep = SweepConfig.parse(settings, source="sweep")
        rates = _rates(sweep, stretch)
        return sweep, lambda seed, index: _sweep(sweep, rates, derive_seed(seed, model, index))
    if model == "admixture":
        admixture = AdmixtureConfig.parse(settings, source="admixture")
        rates = _rates(admixture, stretch)
        return admixture, lambda seed, index: _admixture(admixture, rates, derive_seed(seed, model, index))
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
    rates = _rates(region, stretch)

    def one(seed: int, index: int) -> Any:
        values = {**demography.draw(seed, index), **given}
        trees = simulate_model(
            demography,
            values,
            haplotypes=dict.fromkeys(demography.populations, region.haplotypes),
            length=region.length,
            mutation_rate=region.mutation_rate,
            recombination=rates,
            seed=derive_seed(seed, model, index),
        )
        return trees, values, None

    return region, one


def _mutated(trees: Any, rate: float, seed: int) -> Any:
    import msprime

    model = msprime.BinaryMutationModel()
    random_seed = derive_seed(seed, "mutations")
    return msprime.sim_mutations(trees, rate=rate, model=model, discrete_genome=False, random_seed=random_seed)


def _sweep(config: SweepConfig, rates: Any, seed: int) -> Any:
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
        recombination=rates,
        seed=seed,
    )
    truth = {"position": sweep.position, "s": sweep.s, "origins": float(trees.num_mutations)}
    return _mutated(trees, config.mutation_rate, seed), truth, None


def _admixture(config: AdmixtureConfig, rates: Any, seed: int) -> Any:
    from chiasma.simulate.admixture import Admixture, simulate_admixture
    from chiasma.simulate.sweeps import SizeHistory

    position = config.place * config.length
    admixed = simulate_admixture(
        Admixture(config.generations, config.share, position, s=config.s),
        SizeHistory.constant(config.size),
        haplotypes=config.haplotypes,
        length=config.length,
        recombination=rates,
        seed=seed,
    )
    share = float(admixed.tracts.shares()[:, 0].mean())
    truth = {"position": position, "s": config.s, "frequency": admixed.frequency, "share_one": share}
    return admixed.trees, truth, admixed.tracts
