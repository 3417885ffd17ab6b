"""Demographic models as demes graphs, with priors over their parameters; of msprime only when they are simulated.

Three sources: the six models of pg-gan (demographies_pg_gan.py), a demes file with its priors, and stdpopsim's
catalogue by name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import FormatError, InputError, UsageError, unknown_name
from chiasma.core.rng import derive_seed, generator

Values = Mapping[str, float]


@dataclass(frozen=True)
class Prior:
    """A parameter with the range that is drawn from.

    Attributes:
        name: of the parameter.
        default: its published or written value.
        low, high: of the range.
        unit: diploids, generations, a generation, share of lineages.
        log: draw uniformly on the log scale.
    """

    name: str
    default: float
    low: float
    high: float
    unit: str = "diploids"
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        if self.log:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    @property
    def width(self) -> float:
        """Of the range; of its logarithms where it is log."""
        return float(np.log(self.high) - np.log(self.low)) if self.log else self.high - self.low

    @property
    def middle(self) -> float:
        """The median of what is drawn."""
        return float(np.sqrt(self.low * self.high)) if self.log else (self.low + self.high) / 2

    def problems(self) -> list[str]:
        """All that is wrong with the range."""
        found = []
        if not (np.isfinite([self.low, self.high]).all() and self.low <= self.high):
            found.append(f"{self.name}: range {self.low} to {self.high}")
        if self.log and self.low <= 0:
            found.append(f"{self.name}: a log scale needs a range above 0, got {self.low}")
        return found


@dataclass(frozen=True)
class Model:
    """A demographic model.

    Attributes:
        name: of the model.
        source: where it and its ranges come from.
        priors: of its parameters, in the order of their vector.
        populations: demes sampled today, in row order.
        haplotypes: of each in the published design; empty where there is none.
        graph: from values by name to a demes.Graph.
        mutation_rate: a base and generation, where the source gives one.
    """

    name: str
    source: str
    priors: tuple[Prior, ...]
    populations: tuple[str, ...]
    graph: Callable[[Values], Any]
    haplotypes: tuple[int, ...] = ()
    mutation_rate: float | None = None
    _ranges: dict[str, Prior] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ranges", {prior.name: prior for prior in self.priors})

    def defaults(self) -> dict[str, float]:
        """The published values."""
        return {prior.name: prior.default for prior in self.priors}

    def draw(self, run_seed: int, index: int) -> dict[str, float]:
        """The parameters of one example; the same address always gives the same."""
        rng = generator(run_seed, self.name, "parameters", index)
        return {prior.name: prior.draw(rng) for prior in self.priors}

    def complete(self, values: Values | None = None) -> dict[str, float]:
        """All values by name, those not given at their default.

        Raises:
            UsageError: an unknown name, or a value that is not finite. Values outside the prior are taken.
        """
        for name, value in (values or {}).items():
            if name not in self._ranges:
                raise unknown_name(f"parameter of {self.name}", name, self._ranges)
            if not np.isfinite(value):
                raise UsageError("not a finite number", where=f"{self.name}, {name}", got=value)
        return {**self.defaults(), **(values or {})}


def resized(model: Model, factor: float) -> Model:
    """The same model with all populations larger by a factor; times, growth and migration stay."""
    return replace(model, graph=lambda values: _larger(model.graph(values), factor))


def _larger(graph: Any, factor: float) -> Any:
    demes = require_module("demes", extra="population")
    tree = graph.asdict()
    for deme in tree["demes"]:
        for epoch in deme["epochs"]:
            epoch |= {name: factor * epoch[name] for name in ("start_size", "end_size")}
    return demes.Graph.fromdict(tree)


def demography_of(model: Model, values: Values | None = None) -> Any:
    """The model at some values as an msprime.Demography.

    Raises:
        InputError: demes or msprime cannot take it; the message says what.
    """
    msprime = require_module("msprime", extra="population")
    complete = model.complete(values)
    try:
        return msprime.Demography.from_demes(model.graph(complete))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            "this demographic model cannot be simulated",
            where=model.name,
            got=error,
            expected="a demes model with constant or exponential epochs, without selfing and cloning",
            do=(
                "check these values: " + ", ".join(f"{name}={value:g}" for name, value in complete.items())
                if complete
                else "change what is named in a copy of the model"
            ),
        ) from error


def simulate_model(
    model: Model,
    values: Values | None = None,
    *,
    haplotypes: Mapping[str, int],
    length: float,
    mutation_rate: float,
    recombination: Any,
    seed: int,
) -> Any:
    """Simulate one tree sequence under a model, with mutations of two alleles at sites of their own.

    Args:
        model: the model.
        values: of its parameters; those left out at their default.
        haplotypes: sampled from each population, rows in this order.
        length: bases.
        mutation_rate: a base and generation.
        recombination: a base and generation, or an msprime.RateMap.
        seed: the same seed gives the same.

    Raises:
        InputError: a model that cannot be simulated, or samples of a population that does not reach the present.
    """
    msprime = require_module("msprime", extra="population")
    demography = demography_of(model, values)
    present = {population.name for population in demography.populations if population.default_sampling_time == 0}
    for name, number in haplotypes.items():
        if name not in present:
            raise InputError(
                "no such population today", where=model.name, got=name, expected=", ".join(sorted(present))
            )
        if number < 1:
            raise InputError("no haplotypes", where=f"{model.name}, {name}", got=number, expected="1 or more")
    ancestry = msprime.sim_ancestry(
        [msprime.SampleSet(number, population=name, ploidy=1) for name, number in haplotypes.items()],
        demography=demography,
        ploidy=2,  # sizes count diploids
        sequence_length=length,
        recombination_rate=recombination,
        discrete_genome=False,
        random_seed=derive_seed(seed, model.name, "ancestry"),
    )
    return msprime.sim_mutations(
        ancestry,
        rate=mutation_rate,
        model=msprime.BinaryMutationModel(),
        discrete_genome=False,
        random_seed=derive_seed(seed, model.name, "mutations"),
    )


def read_model(path: Path | str) -> Model:
    """A demes YAML file, with priors and haplotypes where its metadata has them.

        metadata:
          haplotypes: {A: 20, B: 20}
          priors:
            N_now: {paths: [demes/A/epochs/-1/end_size], low: 1000, high: 50000, log: true}

    A path names demes by name and lists by index; a value is put at each of its paths. Ranges of times count
    generations, whatever the units of the file. The demes that `haplotypes` names are sampled, in this order; without
    it all that reach the present.

    Raises:
        InputError: no such file, a prior without range or with a path that is not in the file, haplotypes of a deme
            that does not reach the present.
        FormatError: not a demes model.
    """
    graph = read_graph(path)
    model = graph_model(graph, Path(path).stem, source=str(path), priors=graph.metadata.get("priors", {}))
    sampled = graph.metadata.get("haplotypes")
    return model if sampled is None else _sampled(model, sampled)


def _sampled(model: Model, sampled: Any) -> Model:
    """The model with the demes and numbers of haplotypes that its file names."""
    numbers = list(sampled.values()) if isinstance(sampled, Mapping) else []
    whole = all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers)
    if not numbers or not whole or not set(sampled) <= set(model.populations):
        raise InputError(
            "not numbers of haplotypes",
            where=f"{model.source}, metadata, haplotypes",
            got=sampled,
            expected=f"whole numbers by deme, of {', '.join(model.populations)}",
        )
    return replace(model, populations=tuple(sampled), haplotypes=tuple(numbers))


def read_graph(path: Path | str) -> Any:
    """The demes.Graph of a YAML file.

    Raises:
        InputError: no such file.
        FormatError: not a demes model.
    """
    demes = require_module("demes", extra="population")
    if not Path(path).is_file():
        raise InputError("no such demes file", where=path, do="check the path")
    try:
        return demes.load(str(path))
    except Exception as error:
        raise FormatError("not a demes model", where=path, got=error, expected="demes YAML") from error


def graph_model(graph: Any, name: str, *, source: str, priors: Mapping[str, Mapping[str, Any]] | None = None) -> Model:
    """A model from a demes.Graph and priors over numbers in it, as in read_model."""
    graph = graph.in_generations()
    written = graph.asdict()
    parameters, places = [], {}
    if priors is not None and not isinstance(priors, Mapping):
        raise InputError("not priors by name", where=source, got=priors, expected="NAME: {paths, low, high}")
    for parameter, entry in (priors or {}).items():
        where = f"{source}, prior {parameter}"
        if not isinstance(entry, Mapping) or not {"paths", "low", "high"} <= set(entry) <= {
            "paths",
            "low",
            "high",
            "log",
            "unit",
        }:
            raise InputError("not a prior", where=where, got=entry, expected="paths, low, high, [log, unit]")
        default = float(_find(written, entry["paths"][0], where))
        low, high = (_number(entry[side], where) for side in ("low", "high"))
        unit = entry.get("unit", _unit(entry["paths"][0]))
        prior = Prior(parameter, default, low, high, unit, log=bool(entry.get("log", False)))
        if prior.problems():
            raise InputError("; ".join(prior.problems()), where=where)
        for each in entry["paths"]:
            _find(written, each, where)
        parameters.append(prior)
        places[parameter] = list(entry["paths"])

    def build(values: Values) -> Any:
        changed = copy.deepcopy(written)
        for parameter, paths in places.items():
            for each in paths:
                _put(changed, each, values[parameter])
        return require_module("demes", extra="population").Builder.fromdict(changed).resolve()

    today = tuple(deme.name for deme in graph.demes if deme.end_time == 0)
    return Model(name, source, tuple(parameters), today, build)


def _number(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError("not a number", where=where, got=value) from error


def _unit(path: str) -> str:
    """What is counted at a path of a demes model in generations."""
    last = [part for part in path.split("/") if not part.lstrip("-").isdigit()][-1]
    times = dict.fromkeys(("start_time", "end_time", "time"), "generations")
    sizes = dict.fromkeys(("start_size", "end_size"), "diploids")
    return {**times, **sizes, "rate": "a generation", "proportions": "share of lineages"}.get(last, "")


def _step(node: Any, part: str, where: str) -> Any:
    """The key of one part of a path: demes, migrations by name or index."""
    if isinstance(node, list):
        named = [i for i, item in enumerate(node) if isinstance(item, dict) and item.get("name") == part]
        if named:
            return named[0]
        if part.lstrip("-").isdigit() and -len(node) <= int(part) < len(node):
            return int(part)
    elif isinstance(node, dict) and part in node:
        return part
    raise InputError("no such place in the demes model", where=where, got=part, expected=_choices(node))


def _choices(node: Any) -> str:
    if isinstance(node, dict):
        return ", ".join(node)
    if isinstance(node, list):
        return ", ".join(item.get("name", str(i)) if isinstance(item, dict) else str(i) for i, item in enumerate(node))
    return "the end of the path"


def _find(node: Any, path: str, where: str) -> Any:
    for part in path.split("/"):
        node = node[_step(node, part, where)]
    if isinstance(node, bool) or not isinstance(node, (int, float)):
        raise InputError("a prior needs the path of a number", where=where, got=path)
    return node


def _put(node: Any, path: str, value: float) -> None:
    *inner, last = path.split("/")
    for part in inner:
        node = node[_step(node, part, path)]
    node[_step(node, last, path)] = value


def stdpopsim_model(name: str) -> Model:
    """A model of stdpopsim's catalogue, as SPECIES/MODEL: HomSap/OutOfAfrica_3G09. Its parameters are fixed.

    Raises:
        UsageError: no such species or model; the nearest name is given.
    """
    stdpopsim = require_module("stdpopsim", extra="population")
    species, _, identifier = name.partition("/")
    known = [entry.id for entry in stdpopsim.all_species()]
    if species not in known:
        raise unknown_name("species of stdpopsim", species, known)
    catalogue = stdpopsim.get_species(species)
    models = [entry.id for entry in catalogue.demographic_models]
    if identifier not in models:
        raise unknown_name(f"model of {species} in stdpopsim", identifier, models)
    entry = catalogue.get_demographic_model(identifier)
    source = ", ".join(citation.doi for citation in entry.citations if citation.doi)
    model = graph_model(entry.model.to_demes(), name, source=source)
    rate = entry.mutation_rate or catalogue.genome.mean_mutation_rate
    return Model(name, source, (), model.populations, model.graph, mutation_rate=float(rate))


def find_model(name: str) -> Model:
    """A model by name: one of pg-gan's six, a demes file, or SPECIES/MODEL of stdpopsim.

    Raises:
        UsageError: none of these.
    """
    from chiasma.simulate.demographies_pg_gan import MODELS

    if name in MODELS:
        return MODELS[name]
    if name.endswith((".yaml", ".yml")):
        return read_model(name)
    if "/" in name:
        return stdpopsim_model(name)
    raise unknown_name("demographic model", name, MODELS)
