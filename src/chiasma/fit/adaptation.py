"""The task of a network that learns from simulations and is adapted to real windows by gradient reversal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.rng import derive_seed
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.devices import pick_device, reproducible
from chiasma.fit.task import Batch, Task
from chiasma.nn.gradient_reversal import reversal_factor

_REAL = "real|"
_FACTOR, _AGAINST = "adaptation|factor", "adaptation|against"
_TURNS = 10_000
"""Passes over the real windows in one epoch, at most: their shuffles are numbered by it."""


class Adaptable(Task, Protocol):
    """A task whose loss is a function of what the network answers."""

    def inputs(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        """What the network is called with."""
        ...

    def criterion(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean loss of the network's answers."""
        ...


class AdaptedTask:
    """Batches of simulations, each with as many real windows beside it; the sum of the losses of task and domain.

    To be trained with `keeps_last`: simulations alone, which the valid part is of, would choose the network that was
    adapted least, and of real windows no class is known.

    Args:
        simulated: the task.
        real: the same task on real windows, without a target; its part "train" fills a batch at least.
        config: of the adaptation.
        epochs: that will be trained, over which the factor rises.
        neutral: code of the class that real windows are held against, or None for all.
    """

    def __init__(
        self,
        simulated: Adaptable,
        real: Adaptable,
        *,
        config: AdaptationConfig,
        epochs: int,
        neutral: int | None = None,
    ) -> None:
        self.simulated, self.real, self.config, self.neutral = simulated, real, config, neutral
        self.columns = simulated.columns
        self.steps = simulated.n_batches("train")
        self.total = max(epochs * self.steps, 1)

    def meta(self) -> dict[str, Any]:
        """That of the task."""
        return self.simulated.meta()

    def n_batches(self, part: str) -> int:
        """Those of simulations."""
        return self.simulated.n_batches(part)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of simulations; in training with real windows beside them, and the factor of the reversal."""
        if part != "train":
            yield from self.simulated.batches(part, seed, epoch)
            return
        windows = self._windows(seed, epoch)
        rising = self.config.schedule == "rising"
        for number, batch in enumerate(self.simulated.batches(part, seed, epoch)):
            size = _size(batch)
            factor = reversal_factor((epoch * self.steps + number) / self.total, most=self.config.weight, rising=rising)
            against = torch.ones(size) if self.neutral is None else (batch["y"] == self.neutral).float()
            beside = {_REAL + name: value[:size] for name, value in next(windows).items()}
            yield {**batch, **beside, _FACTOR: torch.full((size,), factor), _AGAINST: against}

    def _windows(self, seed: int, epoch: int) -> Iterator[Batch]:
        """Whole batches of real windows, shuffled anew in each pass over them."""
        own = derive_seed(seed, "adaptation")
        whole = 0
        for turn in count():
            for batch in self.real.batches("train", own, 1 + epoch * _TURNS + turn):
                whole = max(whole, _size(batch))
                if _size(batch) == whole:
                    yield batch

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The task's, and in training the mean cross-entropy of real against simulated, both counting alike."""
        real = {name.removeprefix(_REAL): value for name, value in batch.items() if name.startswith(_REAL)}
        if not real:
            outputs, _ = model(self.simulated.inputs(batch))
            return self.simulated.criterion(outputs, batch)
        outputs, logits = model(self.simulated.inputs(batch), self.real.inputs(real), batch[_FACTOR])
        against = batch[_AGAINST]
        truth = torch.cat([torch.zeros_like(against), torch.ones_like(against)])
        wrong = binary_cross_entropy_with_logits(logits.float(), truth, reduction="none")
        simulated, observed = wrong.chunk(2)
        domain = (simulated * against).sum() / against.sum().clamp(min=1) + observed.mean()
        return self.simulated.criterion(outputs, batch) + domain / 2

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """What the task's network says."""
        return self.simulated.predict(getattr(model, "network", model), batch)


def hidden_layer(task: Adaptable, network: nn.Module, part: str, *, device: str = "auto") -> np.ndarray:
    """The last hidden layer of a part's examples, in order, float64 (example, unit); the network ends on the CPU."""
    where = pick_device(device)
    network.to(where).eval()
    layers = []
    with reproducible(where), torch.no_grad():
        for batch in task.batches(part, 0, 0):
            there = {name: value.to(where) for name, value in batch.items()}
            layers.append(network.hidden(*task.inputs(there)).cpu().double().numpy())  # type: ignore[operator]
    network.cpu()
    return np.concatenate(layers) if layers else np.zeros((0, int(network.hidden_width)))  # type: ignore[arg-type]


def _size(batch: Batch) -> int:
    return len(next(iter(batch.values())))
