"""The task that all sequence networks share: classes, labels or tracks from DNA."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Skip
from chiasma.data.sequences import Sequences, reverse_complement
from chiasma.data.split import Split
from chiasma.fit.config import TrainingConfig
from chiasma.fit.task import Batch
from chiasma.nn.onehot import one_hot, reverse_complement as other_strand

LONGEST = 4096
"""Bases read at most where no length is asked for."""
_PREDICT_BATCH = 512
_PAD_BLOCK = 4096


class SequenceTask:
    """Batches of codes, loss and predictions for any network (batch, base, position) -> (batch, output).

    Sequences are brought to one length: shorter ones stand in the middle of unknown bases, longer ones lose both ends
    and are counted in `skips`. Training sequences are moved by a few bases and turned to the other strand at random,
    the same way for the same (seed, epoch). The network's outputs are logits of the classes (softmax), of each label
    (sigmoid), or tracks standardised by the training part's mean and deviation.

    Args:
        data: sequences and their target.
        split: parts; None makes one part "all".
        length: bases read; None takes the longest training sequence, up to LONGEST.
        shortest: least length that the network can read.
        batch_size: examples in a training batch.
        reverse_complement: train on either strand and predict the mean over both.
        max_shift: bases by which a training sequence is moved, at most.
        meta: of a fitted task; its names, length and scale are used.

    Raises:
        InputError: the data are no sequences, or their target is not that of the fitted model.
    """

    def __init__(
        self,
        data: Dataset,
        split: Split | None,
        *,
        length: int | None,
        shortest: int,
        batch_size: int,
        reverse_complement: bool,
        max_shift: int,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(data.x, Sequences):
            raise InputError("sequences are needed", got=type(data.x).__name__, do="give FASTA, or BED with --fasta")
        self.batch_size, self.both_strands, self.max_shift = batch_size, reverse_complement, max_shift
        self._parts = _indices(data, split)
        self._meta = dict(meta) if meta else _learn(data, self._parts, length=length, shortest=shortest)
        if data.target.kind not in ("none", self.kind) or (
            data.target.kind != "none" and data.target.names != self.names
        ):
            raise InputError(
                "the target is not that of the model",
                got=f"{data.target.kind}: {', '.join(data.target.names)}",
                expected=f"{self.kind}: {', '.join(self.names)}",
            )
        self._codes = _padded(data.x, self.length + 2 * max_shift)  # (example, position), margins for the shift
        self._y = None if data.target.kind == "none" else self._scaled(data.target.values)
        self.skips = _cropped(data.x, self.length)

    @property
    def kind(self) -> str:
        """Kind of the target: binary, multiclass, multilabel or regression."""
        return self._meta["kind"]

    @property
    def names(self) -> tuple[str, ...]:
        """Classes, labels or tracks, in the order of the network's outputs."""
        return tuple(self._meta["names"])

    @property
    def length(self) -> int:
        """Bases that the network reads."""
        return self._meta["length"]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the prediction: p_CLASS or yhat_TRACK."""
        prefix = "yhat_" if self.kind == "regression" else "p_"
        return tuple(prefix + name for name in self.names)

    def meta(self) -> dict[str, Any]:
        """Kind, names, length, and the scale of a regression target; JSON-ready."""
        return dict(self._meta)

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part`; 0 where it has no example."""
        size = self.batch_size if part == "train" else _PREDICT_BATCH
        return math.ceil(len(self._parts.get(part, ())) / size)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with `codes` uint8 (batch, position) and, where there is a target, `y`."""
        index = self._parts.get(part, np.zeros(0, np.int64))
        if part != "train":
            for start in range(0, len(index), _PREDICT_BATCH):
                yield self._batch(index[start : start + _PREDICT_BATCH])
            return
        draw = generator(seed, "train", epoch)
        index = draw.permutation(index)
        shifts = draw.integers(-self.max_shift, self.max_shift + 1, len(index))
        turned = draw.random(len(index)) < (0.5 if self.both_strands else 0.0)
        for start in range(0, len(index), self.batch_size):
            here = slice(start, start + self.batch_size)
            yield self._batch(index[here], shifts=shifts[here], turned=turned[here])

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy, summed over classes or averaged over labels; or squared error in standard deviations."""
        outputs = model(one_hot(batch["codes"]))
        if self.kind in ("binary", "multiclass"):
            return cross_entropy(outputs, batch["y"])
        if self.kind == "multilabel":
            return binary_cross_entropy_with_logits(outputs, batch["y"])
        return mse_loss(outputs, batch["y"])

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Probabilities, or tracks in original units: the mean over both strands, or of the strand given."""
        x = one_hot(batch["codes"])
        values = self._read(model(x))
        if self.both_strands:
            values = (values + self._read(model(other_strand(x)))) / 2
        return dict(zip(self.columns, values.numpy().T, strict=True))

    def _read(self, outputs: torch.Tensor) -> torch.Tensor:
        """From the network's outputs to what users read (batch, output), float64."""
        outputs = outputs.cpu().double()
        if self.kind in ("binary", "multiclass"):
            return outputs.softmax(dim=1)
        if self.kind == "multilabel":
            return outputs.sigmoid()
        mean, deviation = (outputs.new_tensor(self._meta[key]) for key in ("mean", "deviation"))
        return outputs * deviation + mean

    def _batch(self, index: np.ndarray, *, shifts: np.ndarray | None = None, turned: np.ndarray | None = None) -> Batch:
        starts = np.full(len(index), self.max_shift) if shifts is None else self.max_shift + shifts
        columns = starts[:, None] + np.arange(self.length)[None, :]  # (batch, position)
        codes = self._codes[index[:, None], columns]
        if turned is not None:
            codes[turned] = reverse_complement(codes[turned])
        batch = {"codes": torch.from_numpy(codes)}
        if self._y is not None:
            batch["y"] = torch.from_numpy(self._y[index])
        return batch

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if self.kind in ("binary", "multiclass"):
            return values.astype(np.int64)
        values = values.reshape(len(values), -1)
        if self.kind == "regression":
            values = (values - np.array(self._meta["mean"])) / np.array(self._meta["deviation"])
        return values.astype(np.float32)


class SequenceConfig(Protocol):
    """What the task reads of a network's configuration."""

    length: int | None
    reverse_complement: bool
    max_shift: int
    training: TrainingConfig

    @property
    def shortest(self) -> int:
        """Bases that the network needs at least."""
        ...


def make_task(
    config: SequenceConfig,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> SequenceTask:
    """The task of a sequence network's configuration; nothing is simulated, so executor and workers have no work."""
    return SequenceTask(
        data,
        split,
        length=config.length,
        shortest=config.shortest,
        batch_size=config.training.batch_size,
        reverse_complement=config.reverse_complement,
        max_shift=config.max_shift,
        meta=meta,
    )


def _indices(data: Dataset, split: Split | None) -> dict[str, np.ndarray]:
    if split is None:
        return {"all": np.arange(len(data))}
    if not np.array_equal(split.ids, data.ids):
        raise InputError("the split is not of these data", got=f"{len(split.ids)} ids", expected=f"{len(data)} ids")
    return {str(name): np.flatnonzero(split.part == name) for name in np.unique(split.part.astype(str))}


def _learn(data: Dataset, parts: dict[str, np.ndarray], *, length: int | None, shortest: int) -> dict[str, Any]:
    """Facts of the training part alone that predictions need."""
    train = parts.get("train", parts.get("all", np.zeros(0, np.int64)))
    lengths = data.x.lengths[train] if isinstance(data.x, Sequences) else np.zeros(0)
    length = length or min(LONGEST, int(lengths.max(initial=1)))
    facts: dict[str, Any] = {
        "kind": data.target.kind,
        "names": list(data.target.names),
        "length": max(length, shortest),
        "shortest": shortest,
    }
    if data.target.kind == "regression":
        values = data.target.values.reshape(len(data), -1)[train]
        deviation = values.std(axis=0)
        facts["mean"] = values.mean(axis=0).tolist()
        facts["deviation"] = np.where(deviation > 0, deviation, 1.0).tolist()
    return facts


def _padded(sequences: Sequences, length: int) -> np.ndarray:
    """`Sequences.padded`, some at a time: its indices take eight bytes a base where the codes take one."""
    codes = np.empty((len(sequences), length), np.uint8)
    for start in range(0, len(sequences), _PAD_BLOCK):
        block = np.arange(start, min(start + _PAD_BLOCK, len(sequences)))
        codes[block] = sequences.take(block).padded(length)
    return codes


def _cropped(sequences: Sequences, length: int) -> tuple[Skip, ...]:
    longer = np.flatnonzero(sequences.lengths > length)
    if not len(longer):
        return ()
    return (
        Skip(
            f"ends of sequences longer than {length} bases (the middle was read)",
            len(longer),
            tuple(sequences.ids[longer[:3]]),
        ),
    )
