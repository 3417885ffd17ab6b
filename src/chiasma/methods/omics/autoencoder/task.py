"""Samples in memory as a Task of the training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chiasma.core.rng import generator
from chiasma.fit.task import Batch
from chiasma.methods.omics.autoencoder.config import Config
from chiasma.nn.multiview_autoencoder import MultiviewAutoencoder


class ViewsTask:
    """Batches of views, and the loss: what the views' likelihoods say, and the divergence of the factors.

    Args:
        config: of the network.
        arrays: `x0`, `x1`, ... inputs, `y0`, ... targets (sample, feature), `s0`, ... sizes (sample, 1), and `present`
            (sample, view).
        parts: rows of "train", "valid" and "all".
    """

    columns: tuple[str, ...]

    def __init__(self, config: Config, arrays: dict[str, np.ndarray], parts: dict[str, np.ndarray]) -> None:
        self.config, self.parts = config, parts
        self.columns = tuple(f"factor{number + 1}" for number in range(config.factors))
        self.tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}
        self.views = arrays["present"].shape[1]
        widths = [arrays[f"y{view}"].shape[1] for view in range(self.views)]
        share = np.asarray(widths, dtype=float)
        even = 1 / share if config.balance else np.full(self.views, self.views / share.sum())
        # Plain adds up the views' mean squared errors; a likelihood is set against the divergence, over all features.
        weights = even if config.kind == "plain" else even / self.views
        self.weights = torch.tensor(weights, dtype=torch.float32)
        self.kl_weight = config.kl_weight / share.sum()

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of a part; the train part in an order that follows from seed and epoch."""
        rows = self.parts[part]
        if part == "train":
            rows = generator(seed, "batches", epoch).permutation(rows)
        size = self.config.training.batch_size
        for begin in range(0, len(rows), size):
            taken = torch.from_numpy(rows[begin : begin + size])
            yield {name: values[taken] for name, values in self.tensors.items()}

    def n_batches(self, part: str) -> int:
        """Batches in one pass."""
        return math.ceil(len(self.parts[part]) / self.config.training.batch_size)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Mean loss a sample, over features; in training once more from some of the views."""
        present = batch["present"]
        whole = self._loss_from(model, batch, present)
        if not model.training or self.config.kind == "plain" or self.views == 1 or self.config.view_dropout == 0:
            return whole.mean()
        fewer, drawn = _fewer_views(present, self.config.view_dropout)
        again = self._loss_from(model, batch, fewer)
        return (whole.sum() + (again * drawn).sum()) / (len(whole) + drawn.sum())

    def meta(self) -> dict[str, Any]:
        """Nothing: the estimator keeps what was learnt."""
        return {}

    def predict(self, model: Any, batch: Batch) -> dict[str, np.ndarray]:
        """The factors' means."""
        found = model.encode([batch[f"x{view}"] for view in range(self.views)], batch["present"]).mean
        return {name: found[:, index].cpu().numpy() for index, name in enumerate(self.columns)}

    def _loss_from(self, model: MultiviewAutoencoder, batch: Batch, present: Tensor) -> Tensor:
        """Loss of each sample (sample,) when encoded from the views that `present` says."""
        inputs, targets, sizes = ([batch[f"{kind}{view}"] for view in range(self.views)] for kind in "xys")
        posterior = model.encode(inputs, present)
        drawn = posterior.draw() if model.training else posterior.mean
        likelihood = model.losses(drawn, targets, sizes) @ self.weights.to(drawn.device)
        return likelihood + self.kl_weight * posterior.divergence()


def _fewer_views(present: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """For a share of samples a random part of their views, never none (sample, view), and which samples (sample,)."""
    order = torch.rand_like(present) * present  # absent views come last
    keep = 1 + (torch.rand(len(present), device=present.device) * (present.sum(dim=1) - 1)).floor()
    rank = order.argsort(dim=1, descending=True).argsort(dim=1)
    fewer = present * (rank < keep[:, None])
    drawn = (torch.rand(len(present), device=present.device) < share) & (present.sum(dim=1) > 1)
    return fewer, drawn.to(present.dtype)
