"""The contract of a network: what the loop needs to know, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

Batch = dict[str, torch.Tensor]


@runtime_checkable
class Task(Protocol):
    """Batches, loss and predictions of one fitting problem.

    A batch is a dict of CPU tensors; the loop moves it to the device. The same (part, seed, epoch) yields the same
    batches in the same order, which is what makes a resumed run equal to an uninterrupted one.
    """

    columns: tuple[str, ...]
    """Names of the prediction's columns: p_CLASS or yhat_TRACK."""

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of one pass over `part`; shuffled and augmented for "train", in order otherwise."""
        ...

    def n_batches(self, part: str) -> int:
        """How many batches one pass has, for progress and schedules."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean loss over the batch, a scalar."""
        ...

    def meta(self) -> dict[str, Any]:
        """What was learnt from the training part besides weights (length, means), JSON-ready.

        Kept with the model and given back as `make_task(config, data, None, meta=...)`, so that a fitted model reads
        new data as it read its own and answers in original units.
        """
        ...

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray | Any]:
        """One array (example,) for each of `columns`, on the scale users read (probabilities, original units)."""
        ...
