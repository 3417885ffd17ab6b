"""What tasks on simulated examples share: who keeps the examples, which are of which part, how a pass is cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.data.split import Split
from chiasma.run.simulations import kept


def with_keeper(data: Dataset, split: Split | None, *, cache: str, executor: str, workers: int) -> Dataset:
    """The data with somebody who runs and keeps examples, where nobody does yet; on disk only what has a part.

    Windows of real data, which have no part, have no address either that would name them in another run.
    """
    if not isinstance(data.x, Simulated) or data.x.keeper is not None:
        return data
    folder = Path(cache) if cache and split is not None else None
    return replace(data, x=kept(data.x, folder, executor=executor, workers=workers))


@dataclass(frozen=True, eq=False)
class SimulatedParts:
    """Simulated examples by part.

    Attributes:
        x: the examples.
        rows: those of each part, by name (example,).
        batch_size: examples in a batch of the training part.
        predict_batch: examples in a batch of any other.
    """

    x: Simulated
    rows: dict[str, np.ndarray]
    batch_size: int
    predict_batch: int

    @classmethod
    def of(
        cls, data: Dataset, split: Split | None, *, batch_size: int, predict_batch: int, needs: str, method: str = ""
    ) -> Self:
        """The parts of a split; None makes one part "all".

        Args:
            data: simulated examples, or windows of real data addressed the same way.
            split: parts.
            batch_size, predict_batch: as above.
            needs: what the data must be, in the words of the error.
            method: whose card tells more.

        Raises:
            InputError: the data are something else.
        """
        if not isinstance(data.x, Simulated):
            more = f"see chiasma show {method}" if method else None
            raise InputError(f"{needs} are needed", got=type(data.x).__name__, do=more)
        rows = {"all": np.arange(len(data))} if split is None else {p: split.where(p) for p in split.sizes()}
        return cls(data.x, rows, batch_size, predict_batch)

    def of_part(self, part: str) -> np.ndarray:
        """Examples of a part (example,); none where there is no such part."""
        return self.rows.get(part, np.zeros(0, np.int64))

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part`; 0 where it has no example."""
        return math.ceil(len(self.of_part(part)) / self._size(part))

    def order(self, part: str, seed: int, epoch: int) -> np.ndarray:
        """Examples of a pass (example,): the first as workers make them, later ones over the training part shuffled."""
        rows = self.of_part(part)
        return generator(seed, "train", epoch).permutation(rows) if part == "train" and epoch > 0 else rows

    def batches(self, part: str, order: np.ndarray) -> list[np.ndarray]:
        """The examples of a pass, batch by batch."""
        size = self._size(part)
        return [order[begin : begin + size] for begin in range(0, len(order), size)]

    def _size(self, part: str) -> int:
        return self.batch_size if part == "train" else self.predict_batch


class SimulatedTask:
    """Where a task on simulated examples begins; what its batches hold, and its loss, are its own.

    Args:
        config: of the method.
        data: simulated examples, or windows of real data addressed the same way.
        split: parts; None makes one part "all".
        executor: where simulations run.
        workers: processes.
    """

    needs: ClassVar[str] = "simulations"
    method: ClassVar[str]
    predict_batch: ClassVar[int] = 100

    def __init__(
        self, config: Any, data: Dataset, split: Split | None, *, executor: str = "serial", workers: int = 1
    ) -> None:
        data = with_keeper(data, split, cache=config.cache, executor=executor, workers=workers)
        self.parts = SimulatedParts.of(
            data,
            split,
            batch_size=config.training.batch_size,
            predict_batch=self.predict_batch,
            needs=self.needs,
            method=self.method,
        )
        self.config, self.data = config, data

    def meta(self) -> dict[str, Any]:
        """Nothing is learnt besides weights."""
        return {}

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part`; 0 where it has no example."""
        return self.parts.n_batches(part)
