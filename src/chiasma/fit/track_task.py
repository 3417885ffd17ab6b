"""The task of networks that read a window of sequence and give tracks along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from chiasma.core.errors import InputError, MismatchError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import UNKNOWN, reverse_complement
from chiasma.data.split import Split
from chiasma.data.track_table import TrackTable
from chiasma.data.tracks import Tracks
from chiasma.fit.config import TrainingConfig
from chiasma.fit.task import Batch
from chiasma.nn.onehot import one_hot, reverse_complement as other_strand

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From predicted and measured (batch, bin, track) to a scalar."""


class TrackConfig(Protocol):
    """What the task reads of a network's configuration."""

    @property
    def length(self) -> int:
        """Bases in a window."""
        ...

    @property
    def bin(self) -> int:
        """Bases in a bin of the output."""
        ...

    @property
    def crop(self) -> int:
        """Bins left out of the output at each end."""
        ...

    @property
    def reverse_complement(self) -> bool:
        """Train on either strand and predict the mean over both."""
        ...

    @property
    def max_shift(self) -> int:
        """Bases by which a training window is moved, at most."""
        ...

    @property
    def training(self) -> TrainingConfig:
        """Settings of the loop."""
        ...


class TrackTask:
    """Batches of codes with their tracks, loss and predictions for any network (batch, base, position) to tracks.

    Training windows are turned to the other strand at random, with bins in reverse and the tracks of a strand pair
    exchanged, and moved by a few bases, unknown ones filling in; the same way for the same (seed, epoch). Codes and
    targets may lie on disk: a batch reads its own rows.

    Args:
        config: of the network.
        data: windows and their tracks.
        split: parts; None makes one part "all".
        loss: of predicted and measured tracks.
        meta: of a fitted task; its tracks are those of the network.
        head: which of the network's heads gives the tracks; None: its first.

    Raises:
        InputError: the data are no windows with tracks.
        MismatchError: the windows are not those that the network reads, or the tracks not those of the fitted model.
    """

    def __init__(
        self,
        config: TrackConfig,
        data: Dataset,
        split: Split | None,
        *,
        loss: Loss,
        meta: Mapping[str, Any] | None = None,
        head: str | None = None,
    ) -> None:
        if not isinstance(data.x, Tracks):
            raise InputError("windows with tracks are needed", got=type(data.x).__name__)
        self.config, self.x, self._loss, self._head = config, data.x, loss, head
        _require_geometry(config, data.x)
        self._parts = _parts(data, split)
        self._meta = dict(meta) if meta else track_facts(config, data.x.table, names=data.target.names)
        self._y = None if data.target.kind == "none" else data.target.values
        if self._y is not None and tuple(self._meta["names"]) != data.target.names:
            raise MismatchError(
                "the tracks are not those of the model",
                got=f"{len(data.target.names)}: {', '.join(data.target.names[:3])} ...",
                expected=f"{len(self._meta['names'])}: {', '.join(self._meta['names'][:3])} ...",
            )
        self._pair = np.array(self._meta["strand_pair"])

    @property
    def columns(self) -> tuple[str, ...]:
        """yhat_TRACK."""
        return tuple("yhat_" + name for name in self._meta["names"])

    def meta(self) -> dict[str, Any]:
        """Tracks, their strand pairs, how their targets were squashed, and the windows' geometry; JSON-ready."""
        return dict(self._meta)

    def _size(self, part: str) -> int:
        return self.config.training.batch_size if part == "train" else max(1, self.config.training.batch_size // 2)

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part`; 0 where it has no example."""
        return math.ceil(len(self._parts.get(part, ())) / self._size(part))

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with `codes` uint8 (batch, position) and, where there are targets, `y` (batch, bin, track)."""
        index, size = self._parts.get(part, np.zeros(0, np.int64)), self._size(part)
        shifts, turned = np.zeros(len(index), np.int64), np.zeros(len(index), bool)
        if part == "train":
            draw = generator(seed, "train", epoch)
            index = draw.permutation(index)
            shifts = draw.integers(-self.config.max_shift, self.config.max_shift + 1, len(index))
            turned = draw.random(len(index)) < (0.5 if self.config.reverse_complement else 0.0)
        for start in range(0, len(index), size):
            here = slice(start, start + size)
            yield self._batch(index[here], shifts[here], turned[here])

    def _batch(self, index: np.ndarray, shifts: np.ndarray, turned: np.ndarray) -> Batch:
        codes = np.array(self.x.codes[index])
        codes[turned] = reverse_complement(codes[turned])
        batch = {"codes": torch.from_numpy(np.stack([moved(row, int(by)) for row, by in zip(codes, shifts)]))}
        if self._y is not None:
            y = np.array(self._y[index])
            y[turned] = y[turned][:, ::-1][:, :, self._pair]
            batch["y"] = torch.from_numpy(y)
        return batch

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The loss given, over the whole batch."""
        return self._loss(self._tracks(model, one_hot(batch["codes"])), batch["y"])

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Tracks on the scale of the targets, each (example, bin): the mean over both strands, or of the one given."""
        x = one_hot(batch["codes"])
        values = self._tracks(model, x)
        if self.config.reverse_complement:
            values = (values + self._tracks(model, other_strand(x)).flip(1)[:, :, self._pair]) / 2
        return dict(zip(self.columns, values.permute(2, 0, 1).cpu().numpy(), strict=True))

    def _tracks(self, model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = model(x) if self._head is None else model(x, self._head)
        return found


def moved(codes: np.ndarray, by: int) -> np.ndarray:
    """A window (position,) read `by` bases further on; what lies beyond its end is unknown."""
    if by == 0:
        return codes
    filled = np.full(abs(by), UNKNOWN, np.uint8)
    return np.concatenate([codes[by:], filled] if by > 0 else [filled, codes[:by]])


def _require_geometry(config: TrackConfig, x: Tracks) -> None:
    found = {"length": x.length, "bin": x.bin, "crop": x.crop}
    wanted = {"length": config.length, "bin": config.bin, "crop": config.crop}
    if found != wanted:
        raise MismatchError(
            "the windows are not those that the network reads",
            got=", ".join(f"{name} {value:,}" for name, value in found.items()),
            expected=", ".join(f"{name} {value:,}" for name, value in wanted.items()),
            do="set length and crop to those of the data, and a tower that pools to their bin",
        )


def _parts(data: Dataset, split: Split | None) -> dict[str, np.ndarray]:
    if split is None:
        return {"all": np.arange(len(data))}
    if not np.array_equal(split.ids, data.ids):
        raise InputError("the split is not of these data", got=f"{len(split.ids)} ids", expected=f"{len(data)} ids")
    return {str(name): np.flatnonzero(split.part == name) for name in np.unique(split.part.astype(str))}


def track_facts(config: TrackConfig, table: TrackTable, *, names: Sequence[str]) -> dict[str, Any]:
    """Facts of a network's tracks that predictions and their inverse transform need, as `TrackTask.meta` has them."""
    facts: dict[str, Any] = {"kind": "regression", "names": list(names), "squash": table.squash}
    facts |= {"length": config.length, "bin": config.bin, "crop": config.crop}
    facts["strand_pair"] = table.strand_pair.tolist()
    facts["sum_stat"] = [str(name) for name in table.sum_stat]
    for name in ("clip", "clip_soft", "scale", "exponent"):
        values = getattr(table, name)
        facts[name] = [None if math.isnan(value) else float(value) for value in values]
    return facts
