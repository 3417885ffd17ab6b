"""Simulated examples, addressable by (run seed, index): nothing is held that can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

Simulator = Callable[[Any, int, int], dict[str, np.ndarray]]
"""`simulate(config, run_seed, index)` of a method's examples.py: a top-level function that returns named arrays."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A list of simulated examples that have not been run yet.

    Attributes:
        simulate: the simulator; picklable by name, so that spawned workers can call it.
        config: the method's configuration.
        run_seed: root of all randomness.
        index: address of each example (example,).
    """

    simulate: Simulator
    config: Any
    run_seed: int
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: np.ndarray) -> Self:
        """Some of the examples."""
        return type(self)(self.simulate, self.config, self.run_seed, self.index[index])

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Run one example here and now."""
        return self.simulate(self.config, self.run_seed, int(self.index[index]))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return (self[index] for index in range(len(self)))

    def problems(self) -> list[str]:
        """All that is wrong: an address used twice."""
        return [] if len(np.unique(self.index)) == len(self.index) else ["simulated examples share an address"]
