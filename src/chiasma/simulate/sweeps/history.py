"""Sizes of one population that change in steps, and the recombination rates of a region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import InputError, list_some

_ELSE = (
    "name another deme, give a history of sizes alone (sizes and starts), or take the flow out of a copy of the file"
)


@dataclass(frozen=True, eq=False)
class SizeHistory:
    """Diploid sizes of one population, constant within epochs.

    Attributes:
        sizes: diploid individuals in each epoch, the present first (epoch,).
        starts: generations ago at which each epoch begins, looking back; the first is 0 (epoch,).
    """

    sizes: np.ndarray
    starts: np.ndarray

    @classmethod
    def constant(cls, size: float) -> Self:
        """One size for ever."""
        return cls(np.array([float(size)]), np.zeros(1))

    @classmethod
    def of(cls, *epochs: tuple[float, float]) -> Self:
        """From pairs (generations ago, size), the present (0, size) first."""
        return cls(np.array([float(size) for _, size in epochs]), np.array([float(start) for start, _ in epochs]))

    @classmethod
    def from_demes(cls, graph: Any, deme: str, *, steps: int = 20, source: object = None) -> Self:
        """The history of one deme through its ancestors, where they are a line.

        Args:
            graph: a demes.Graph.
            deme: name of the deme that is sampled today.
            steps: equal parts of an epoch of exponential growth, each at its harmonic mean size, so that the chance
                that two lineages coalesce in it is right.
            source: the file, for messages.

        Raises:
            InputError: the line meets what a sweep cannot be simulated under: gene flow, several ancestors, selfing.
        """
        epochs: list[tuple[float, float]] = []
        name = deme
        if name not in graph:
            raise InputError("no such deme", where=source, got=deme, expected=", ".join(d.name for d in graph.demes))
        if graph.time_units != "generations":
            graph = graph.in_generations()
        if graph[name].end_time > 0:
            raise InputError(
                "the deme is extinct",
                where=_place(source, deme),
                got=f"end_time {graph[name].end_time:g}",
                expected="0",
            )
        until = 0.0
        while True:
            now = graph[name]
            _refuse_flow(graph, name, until, where=_place(source, name))
            for epoch in reversed(now.epochs):
                if epoch.start_time <= until:
                    continue
                epochs += _steps(epoch, until, steps, where=_place(source, name))
            if not now.ancestors:
                return cls.of(*epochs)
            if len(now.ancestors) > 1:
                raise InputError(
                    "sweeps are simulated in one unmixed population",
                    where=_place(source, name),
                    got=", ".join(now.ancestors),
                    expected="one ancestor",
                    do=_ELSE,
                )
            name, until = now.ancestors[0], now.start_time

    def at(self, time: float) -> float:
        """The size so many generations ago."""
        return float(self.sizes[np.searchsorted(self.starts, time, side="right") - 1])

    def demography(self, after: float = 0.0) -> Any:
        """The history as an msprime.Demography, for the time before `after` generations ago."""
        msprime = require_module("msprime", extra="population")
        demography = msprime.Demography.isolated_model([self.at(after)])
        for start, size in zip(self.starts, self.sizes):
            if start > after:
                demography.add_population_parameters_change(time=start, initial_size=size)
        return demography

    def problems(self) -> list[str]:
        """All that is wrong: no epoch, sizes below one diploid, times that do not increase from 0."""
        found = []
        if len(self.sizes) == 0 or self.sizes.shape != self.starts.shape:
            return [f"{len(self.sizes)} sizes and {len(self.starts)} epochs"]
        if not (np.isfinite(self.sizes).all() and (self.sizes >= 1).all()):
            found.append("a size is below 1 or not finite")
        if self.starts[0] != 0 or not (np.diff(self.starts) > 0).all() or not np.isfinite(self.starts).all():
            found.append("epochs do not begin at 0 and increase")
        return found


def _steps(epoch: Any, until: float, steps: int, *, where: str) -> list[tuple[float, float]]:
    """Start and size of the constant parts of an epoch, the latest first."""
    if epoch.selfing_rate or epoch.cloning_rate:
        raise InputError(
            "sweeps are simulated under random mating",
            where=where,
            got=f"selfing_rate {epoch.selfing_rate:g}, cloning_rate {epoch.cloning_rate:g}",
            expected="0 of both",
        )
    begin = max(epoch.end_time, until)
    if epoch.size_function == "constant":
        return [(begin, epoch.start_size)]
    if epoch.size_function != "exponential":
        raise InputError(
            "sweeps are simulated under constant sizes and exponential growth",
            where=where,
            got=f"an epoch with {epoch.size_function} sizes",
        )
    rate = np.log(epoch.end_size / epoch.start_size) / (epoch.start_time - epoch.end_time)
    times = np.linspace(begin, epoch.start_time, steps + 1)
    sizes = epoch.end_size * np.exp(-rate * (times - epoch.end_time))
    inverse = np.diff(1 / sizes) / (rate * np.diff(times))  # mean of 1/N over a part
    return list(zip(times[:-1].tolist(), (1 / inverse).tolist()))


def _place(source: object, deme: str) -> str:
    return f"deme {deme}" if source is None else f"{source}: deme {deme}"


def _refuse_flow(graph: Any, deme: str, until: float, *, where: str) -> None:
    flow = [f"{m.source} > {m.dest}" for m in graph.migrations if deme in (m.source, m.dest) and m.start_time > until]
    flow += [f"pulse into {p.dest}" for p in graph.pulses if deme == p.dest and p.time > until]
    if flow:
        raise InputError(
            "sweeps are simulated in one population without gene flow",
            where=where,
            got=list_some(flow, most=3),
            expected="no migration and no pulse into its line",
            do=_ELSE,
        )


def rate_map(length: float, recombination: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Positions, Morgans from the start at each (both (point,)), and what msprime takes, for a rate or a RateMap.

    Raises:
        InputError: a negative rate, or a map that does not cover the region.
    """
    if isinstance(recombination, (int, float)):
        rate = float(recombination)
        if not (np.isfinite(rate) and rate >= 0):
            raise InputError("not a recombination rate", got=recombination, expected="a finite number of 0 or more")
        return np.array([0.0, length]), np.array([0.0, rate * length]), rate
    if recombination.sequence_length != length:
        raise InputError("the genetic map is of another length", got=recombination.sequence_length, expected=length)
    if np.isnan(recombination.rate).any():
        raise InputError(
            "the genetic map has unknown rates",
            got=f"{int(np.isnan(recombination.rate).sum())} intervals",
            do="slice the map to the region, or fill them",
        )
    mass = np.concatenate([[0.0], np.cumsum(recombination.rate * np.diff(recombination.position))])
    # a copy: the compiled loops would be compiled again for an array that cannot be written to
    return np.array(recombination.position, float), mass, recombination
