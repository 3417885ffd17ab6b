"""Neural posterior estimation (Papamakarios and Murray 2016): the density of parameters given statistics, learnt."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch

from chiasma.core.rng import derive_seed, generator
from chiasma.fit.config import TrainingConfig
from chiasma.fit.loop import build_seeded, train
from chiasma.fit.progress import Silent
from chiasma.fit.task import Batch
from chiasma.nn.mixture_density import MixtureDensity


class DensityTask:
    """Minus the log density of y given x.

    Args:
        x: float32 (example, input).
        y: float32 (example, output).
        valid: whether each example is to choose the epoch by (example,).
        batch_size: examples.
    """

    columns: tuple[str, ...] = ("log_density",)

    def __init__(self, x: np.ndarray, y: np.ndarray, valid: np.ndarray, *, batch_size: int) -> None:
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.parts = {"train": np.flatnonzero(~valid), "valid": np.flatnonzero(valid)}
        self.batch_size = batch_size

    def n_batches(self, part: str) -> int:
        """Batches in one pass."""
        return math.ceil(len(self.parts[part]) / self.batch_size)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of x and y; the train part in an order that follows from seed and epoch."""
        rows = self.parts[part]
        if part == "train":
            rows = generator(seed, "batches", epoch).permutation(rows)
        for begin in range(0, len(rows), self.batch_size):
            taken = torch.from_numpy(rows[begin : begin + self.batch_size])
            yield {"x": self.x[taken], "y": self.y[taken]}

    def loss(self, model: Any, batch: Batch) -> torch.Tensor:
        """Mean over the batch."""
        return -model(batch["x"], batch["y"]).mean()

    def predict(self, model: Any, batch: Batch) -> dict[str, np.ndarray]:
        """Log density of each example."""
        return {"log_density": model(batch["x"], batch["y"]).cpu().numpy()}

    def meta(self) -> dict[str, Any]:
        """Nothing."""
        return {}


class NeuralPosterior:
    """A mixture density network fitted to a table of simulations.

    Args:
        components: normals in the mixture.
        hidden: units of each of two layers.
        epochs: at most; a fifth of the table, held out, chooses among them.

    Attributes:
        network_: gives the density of scaled parameters given scaled summaries.
        valid_loss_: minus its mean log density of held-out, scaled parameters.
    """

    def __init__(self, *, components: int = 3, hidden: int = 32, epochs: int = 200) -> None:
        self.components, self.hidden, self.epochs = components, hidden, epochs

    def fit(self, summaries: np.ndarray, parameters: np.ndarray, *, seed: int) -> Self:
        """Train on summaries (draw, summary) and parameters without bounds (draw, parameter)."""
        valid = generator(seed, "npe", "valid").random(len(parameters)) < 0.2
        self.middle_, self.spread_ = summaries[~valid].mean(axis=0), summaries[~valid].std(axis=0)
        self.centre_, self.scale_ = parameters[~valid].mean(axis=0), parameters[~valid].std(axis=0)
        y = ((parameters - self.centre_) / self.scale_).astype(np.float32)
        task = DensityTask(self._x(summaries), y, valid, batch_size=64)
        training = TrainingConfig(
            epochs=self.epochs, patience=25, learning_rate=3e-3, schedule="constant", batch_size=64
        )
        self.network_ = build_seeded(
            lambda inputs, outputs: MixtureDensity(inputs, outputs, components=self.components, hidden=self.hidden),
            summaries.shape[1],
            parameters.shape[1],
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            history = train(task, self.network_, training, seed=seed, folder=folder, device="cpu", progress=Silent())
        self.valid_loss_ = min(float(row["valid_loss"]) for row in history.epochs)
        return self

    def draw(self, summaries: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
        """Draws of the posterior given each observation (observation, summary): (observation, draw, parameter)."""
        source = torch.Generator().manual_seed(derive_seed(seed, "npe", "draws"))
        network = self.network_.eval()
        assert isinstance(network, MixtureDensity)
        with torch.no_grad():
            found = network.draw(torch.from_numpy(self._x(summaries)), draws, generator=source)
        return found.double().numpy() * self.scale_ + self.centre_

    def _x(self, summaries: np.ndarray) -> np.ndarray:
        return ((summaries - self.middle_) / self.spread_).astype(np.float32)
