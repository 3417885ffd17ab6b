"""Simulated examples, addressable by (run seed, index): nothing is held that can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

Simulator = Callable[[Any, int, int], dict[str, np.ndarray]]
"""`simulate(config, run_seed, index)` of a method's examples.py: a top-level function that returns named arrays."""


class Keeper(Protocol):
    """Who runs examples and keeps them, so that each is run once for all who ask."""

    def read(self, addresses: list[int]) -> Iterator[dict[str, np.ndarray]]:
        """The examples at these addresses, in order."""
        ...


@dataclass(frozen=True, eq=False)
class Simulated:
    """A list of simulated examples that have not been run yet.

    Attributes:
        simulate: the simulator; picklable by name, so that spawned workers can call it.
        config: the method's configuration.
        run_seed: root of all randomness.
        index: address of each example (example,).
        keeper: shared by all that is taken from it; None runs an example here whenever it is asked for.
    """

    simulate: Simulator
    config: Any
    run_seed: int
    index: np.ndarray
    keeper: Keeper | None = None

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: np.ndarray) -> Self:
        """Some of the examples."""
        return replace(self, index=self.index[index])

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """One example, run here and now if nobody keeps it."""
        return next(self._read([int(self.index[index])]))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self._read(self.index.tolist())

    def _read(self, addresses: list[int]) -> Iterator[dict[str, np.ndarray]]:
        if self.keeper is not None:
            return self.keeper.read(addresses)
        return (self.simulate(self.config, self.run_seed, address) for address in addresses)

    def problems(self) -> list[str]:
        """All that is wrong: an address used twice."""
        return [] if len(np.unique(self.index)) == len(self.index) else ["simulated examples share an address"]
