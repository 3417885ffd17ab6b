"""Histories of pg-gan with the ranges of their parameters (Wang et al. 2021), as demographies of msprime."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import UsageError, unknown_name

Values = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """One number of a history: its default, which is also the truth where data are simulated, and its range."""

    name: str
    default: float
    low: float
    high: float
    unit: str = "diploids"


@dataclass(frozen=True)
class History:
    """A history to fit.

    Attributes:
        name: as in pg-gan.
        populations: names, in row order.
        haplotypes: of each population, as published.
        parameters: in the order of their vector.
        demography: from values by name to a msprime.Demography.
    """

    name: str
    populations: tuple[str, ...]
    haplotypes: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    demography: Callable[[Values], Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    def defaults(self) -> dict[str, float]:
        """The published truth."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def choose(self, names: tuple[str, ...]) -> tuple[Parameter, ...]:
        """The parameters of these names; all where none is named.

        Raises:
            UsageError: an unknown name.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in names:
            if name not in known:
                raise unknown_name(f"parameter of {self.name}", name, known)
        return tuple(known[name] for name in names or self.names)


def values_of(chosen: tuple[Parameter, ...], vector: np.ndarray, rest: Values) -> dict[str, float]:
    """All values by name: those inferred from their vector, the others as given."""
    return {**rest, **{parameter.name: float(value) for parameter, value in zip(chosen, vector, strict=True)}}


def _const(values: Values) -> Any:
    demography = require_module("msprime", extra="population").Demography()
    demography.add_population(name="pop0", initial_size=values["Ne"])
    return demography


def _exp(values: Values) -> Any:
    """An ancient size to T1, a bottleneck to T2, growth since."""
    if values["T2"] >= values["T1"]:
        raise UsageError("the bottleneck ends before it begins", got=f"T2 {values['T2']}, T1 {values['T1']}")
    now = values["N2"] * math.exp(values["growth"] * values["T2"])
    demography = require_module("msprime", extra="population").Demography()
    demography.add_population(name="pop0", initial_size=now, growth_rate=values["growth"])
    demography.add_population_parameters_change(time=values["T2"], initial_size=values["N2"], growth_rate=0)
    demography.add_population_parameters_change(time=values["T1"], initial_size=values["N1"])
    return demography


def _im(values: Values) -> Any:
    """Two populations from one, and a pulse half-way: of positive share from the first into the second."""
    demography = require_module("msprime", extra="population").Demography()
    for name, key in (("pop0", "N1"), ("pop1", "N2"), ("ancestral", "N_anc")):
        demography.add_population(name=name, initial_size=values[key])
    # back in time a share of the second's lineages goes to the first
    source, dest = ("pop1", "pop0") if values["mig"] >= 0 else ("pop0", "pop1")
    demography.add_mass_migration(time=values["T_split"] / 2, source=source, dest=dest, proportion=abs(values["mig"]))
    demography.add_population_split(time=values["T_split"], derived=["pop0", "pop1"], ancestral="ancestral")
    return demography


HISTORIES: dict[str, History] = {
    history.name: history
    for history in (
        History("const", ("pop0",), (198,), (Parameter("Ne", 10_000, 1_000, 30_000),), _const),
        History(
            "exp",
            ("pop0",),
            (198,),
            (
                Parameter("N1", 9_000, 1_000, 30_000),
                Parameter("N2", 5_000, 1_000, 30_000),
                Parameter("T1", 2_000, 1_500, 5_000, "generations"),
                Parameter("T2", 350, 100, 1_500, "generations"),
                Parameter("growth", 0.005, 0.0, 0.05, "a generation"),
            ),
            _exp,
        ),
        History(
            "im",
            ("pop0", "pop1"),
            (98, 98),
            (
                Parameter("N1", 9_000, 1_000, 30_000),
                Parameter("N2", 5_000, 1_000, 30_000),
                Parameter("N_anc", 15_000, 1_000, 25_000),
                Parameter("T_split", 2_000, 500, 20_000, "generations"),
                Parameter("mig", 0.05, -0.2, 0.2, "share of lineages"),
            ),
            _im,
        ),
    )
}
