"""The task that networks on grids of statistics share: classes of regions from statistics by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from chiasma.core.errors import MismatchError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.simulated_parts import SimulatedParts
from chiasma.fit.task import Batch

LEARNT_FROM = 256
"""Training examples from which scales are learnt: few, so that the first batch need not wait for all simulations."""
_PREDICT_BATCH = 512
_NEUTRAL = "neutral"


class Reader(Protocol):
    """From an example of named arrays to its features (statistic, window)."""

    @classmethod
    def learn(cls, examples: Iterable[Mapping[str, np.ndarray]]) -> Self:
        """Learn what features are standardised by, from neutral examples."""
        ...

    def __call__(self, example: Mapping[str, np.ndarray]) -> np.ndarray:
        """The features of one example (statistic, window)."""
        ...

    def facts(self) -> dict[str, Any]:
        """What was learnt, JSON-ready."""
        ...

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The reader that `facts` describes."""
        ...


class GridTask:
    """Batches of grids (batch, statistic, window), loss and predictions for a network that gives logits of classes.

    Features are centred and scaled by one mean and one deviation, learnt from the training part and kept with the
    model: a single region is answered as it would be among others. Training examples are mirrored at random, for a
    sweep knows no direction.

    Args:
        data: Simulated examples, read feature vectors, or windows of real haplotypes addressed the same way.
        split: parts; None makes one part "all".
        reader: the kind of reader that makes features of examples.
        batch_size: examples in a training batch.
        mirror: turn training examples around at random.
        shape: statistics and windows that the network reads.
        meta: of a fitted task; its names, reader and scale are used.

    Raises:
        InputError: the data are no grids.
    """

    def __init__(
        self,
        data: Dataset,
        split: Split | None,
        *,
        reader: type[Reader],
        batch_size: int,
        mirror: bool,
        shape: tuple[int, int],
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.parts = SimulatedParts.of(
            data, split, batch_size=batch_size, predict_batch=_PREDICT_BATCH, needs="grids of statistics"
        )
        self.data, self.mirror, self.shape = data, mirror, shape
        self._reader_kind = reader
        self._meta = dict(meta) if meta else {}
        self._reader = reader.from_facts(self._meta["reader"]) if meta else None
        self._features: dict[int, np.ndarray] = {}

    def meta(self) -> dict[str, Any]:
        """Class names, what features are standardised by, and the scale; JSON-ready."""
        if not self._meta:
            self._learn()
        return dict(self._meta)

    def _learn(self) -> None:
        rows = self.parts.of_part("train" if "train" in self.parts.rows else "all")
        rows = np.sort(generator(0, "grid-task").permutation(rows)[:LEARNT_FROM])
        names = self.data.target.names
        classes = self.data.target.values[rows] if len(self.data.target.values) else np.full(len(rows), -1)
        neutral = classes == names.index(_NEUTRAL) if _NEUTRAL in names else np.ones(len(rows), bool)
        examples = list(self.parts.x.take(rows))
        self._reader = self._reader_kind.learn(one for one, is_neutral in zip(examples, neutral) if is_neutral)
        values = np.stack([self._reader(one) for one in examples])
        spread = float(values.std())
        self._meta = {
            "names": list(names),
            "reader": self._reader.facts(),
            "mean": float(values.mean()),
            "deviation": spread if spread > 0 else 1.0,
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """p_CLASS."""
        return tuple(f"p_{name}" for name in self._meta.get("names", self.data.target.names))

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part`; 0 where it has no example."""
        return self.parts.n_batches(part)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with grid float32 (batch, statistic, window) and, where known, y."""
        order = self.parts.order(part, seed, epoch)
        turned = self.parts.batches(part, generator(seed, "mirror", epoch).random(len(order)) < 0.5)
        rows = self._read(order)
        for held, turn in zip(self.parts.batches(part, order), turned, strict=True):
            values = np.stack([next(rows) for _ in held])
            if part == "train" and self.mirror:
                values = np.where(turn[:, None, None], values[:, :, ::-1], values)
            batch = {"grid": torch.from_numpy(np.ascontiguousarray(values))}
            if self.data.target.kind != "none":
                batch["y"] = torch.from_numpy(self.data.target.values[held].astype(np.int64))
            yield batch

    def _read(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """Scaled features of examples, each read once."""
        if self._reader is None:
            self._learn()
        assert self._reader is not None
        absent = [row for row in index.tolist() if row not in self._features]
        made = zip(absent, self.parts.x.take(np.array(absent, np.int64)))
        for row in index.tolist():
            while row not in self._features:  # of two who read at once, the other may have read some of these
                place, example = next(made)
                if place not in self._features:
                    self._features[place] = self._scaled(self._reader(example))
            yield self._features[row]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Features (statistic, window) by the mean and deviation of the training part, float32."""
        if values.shape != self.shape:
            raise MismatchError(
                "not the statistics that the network reads",
                got="{} statistics x {} windows".format(*values.shape),
                expected="{} x {}".format(*self.shape),
                do="choose the set with --statistics, or other feature vectors",
            )
        return ((values - self._meta["mean"]) / self._meta["deviation"]).astype(np.float32)

    def inputs(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        """What the network is called with: the grids."""
        return (batch["grid"],)

    def criterion(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of logits (batch, class)."""
        return cross_entropy(outputs, batch["y"])

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy."""
        return self.criterion(model(*self.inputs(batch)), batch)

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Probability of each class."""
        values = model(*self.inputs(batch)).detach().cpu().double().softmax(dim=1).numpy()
        return dict(zip(self.columns, values.T, strict=True))
