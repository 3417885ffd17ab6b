"""The task of a network that reads the windows of several genomes, with a head for the tracks of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chiasma.core.errors import InputError, MismatchError, list_some
from chiasma.core.rng import derive_seed
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import MARK, Genomes
from chiasma.data.split import Split
from chiasma.fit.task import Batch
from chiasma.fit.track_task import Loss, TrackConfig, TrackTask

HEAD = "head"
"""Entry of a batch that tells which genome's it is: the head's number, once an example."""


def make_track_task(
    config: TrackConfig, data: Dataset, split: Split | None, *, loss: Loss, meta: Mapping[str, Any] | None = None
) -> TrackTask | GenomesTask:
    """The task of windows with tracks of one genome, or of several."""
    if isinstance(data.x, Genomes):
        return GenomesTask(config, data, split, loss=loss, meta=meta)
    return TrackTask(config, data, split, loss=loss, meta=meta)


class GenomesTask:
    """A `TrackTask` for each genome, their batches in turn.

    A batch is of one genome, and its loss reaches the trunk and that genome's head. In an epoch every training window
    of every genome is seen once; the genomes' batches are spread evenly among each other, one by one where they are
    equally many. Losses are not weighted against each other. Enformer alternated so; Basenji2's and Borzoi's batches
    came in an order drawn anew in each epoch.

    Args:
        config: of the network.
        data: windows of several genomes.
        split: parts; None makes one part "all".
        loss: of predicted and measured tracks.
        meta: of a fitted task.

    Raises:
        InputError: the data are no windows of genomes.
        MismatchError: their genomes are not the heads of the fitted model; and what `TrackTask` refuses.
    """

    def __init__(
        self,
        config: TrackConfig,
        data: Dataset,
        split: Split | None,
        *,
        loss: Loss,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(data.x, Genomes):
            raise InputError("windows of genomes are needed", got=type(data.x).__name__)
        if split is not None and not np.array_equal(split.ids, data.ids):
            raise InputError("the split is not of these data", got=f"{len(split.ids)} ids", expected=f"{len(data)} ids")
        heads = None if meta is None else meta["heads"]
        if heads is not None and set(heads) != set(data.x.names):
            raise MismatchError(
                "the genomes are not the heads of the model", got=list_some(data.x.names), expected=list_some(heads)
            )
        self.config, self.names = config, data.x.names
        self.tasks = {
            name: TrackTask(
                config, *_alone(data, split, name), loss=loss, meta=None if heads is None else heads[name], head=name
            )
            for name in self.names
        }

    in_turn = True
    """Each batch has gradients for one head: see `make_fabric`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """yhat_GENOME:TRACK."""
        return tuple(_column(name, column) for name, task in self.tasks.items() for column in task.columns)

    def meta(self) -> dict[str, Any]:
        """Facts of each head, as `TrackTask` has them; the geometry, which all share, once more beside them."""
        heads = {name: task.meta() for name, task in self.tasks.items()}
        shared = heads[self.names[0]]
        return {"heads": heads, **{name: shared[name] for name in ("length", "bin", "crop")}}

    def n_batches(self, part: str) -> int:
        """Batches in one pass over `part` of all genomes."""
        return sum(task.n_batches(part) for task in self.tasks.values())

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches of `TrackTask`, and `head` int64 (batch,): genomes in turn for "train", else one after another."""
        made = {name: task.batches(part, derive_seed(seed, name), epoch) for name, task in self.tasks.items()}
        counts = [task.n_batches(part) for task in self.tasks.values()]
        for number in _turns(counts) if part == "train" else np.repeat(np.arange(len(counts)), counts).tolist():
            batch = next(made[self.names[number]])
            yield {**batch, HEAD: torch.full((len(batch["codes"]),), number)}

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The loss given, of the tracks of the batch's genome."""
        return self._of(batch).loss(model, batch)

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Tracks of the batch's genome, each (example, bin)."""
        name, task = self.names[int(batch[HEAD][0])], self._of(batch)
        return {_column(name, column): values for column, values in task.predict(model, batch).items()}

    def _of(self, batch: Batch) -> TrackTask:
        return self.tasks[self.names[int(batch[HEAD][0])]]


def _alone(data: Dataset, split: Split | None, name: str) -> tuple[Dataset, Split | None]:
    """Windows and parts of one genome."""
    assert isinstance(data.x, Genomes)
    member = data.x.of(name)
    if split is None:
        return member, None
    return member, Split(split.kind, member.ids, split.part[data.x.where(name)])


def _column(name: str, column: str) -> str:
    return f"yhat_{name}{MARK}{column.removeprefix('yhat_')}"


def _turns(counts: list[int]) -> list[int]:
    """Whose turn it is, each genome as often as it has batches, evenly spread (batch,)."""
    place = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
    whose = np.repeat(np.arange(len(counts)), counts)
    return [int(number) for number in whose[np.lexsort((whose, place))]]
