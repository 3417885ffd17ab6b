"""The task: painted chromosomes, simulated or called, through the one encoder to either network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.functional import nll_loss

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import column_statistics, fit_rows, mirrored, paint
from chiasma.fit.simulated_parts import SimulatedTask
from chiasma.fit.task import Batch
from chiasma.methods.population.painted_chromosomes.config import Config
from chiasma.methods.population.painted_chromosomes.examples import column_names, site_columns
from chiasma.methods.population.painted_chromosomes.model import Detector, box_scores, heat_scores


class PaintedTask(SimulatedTask):
    """Batches of chromosomes and the column of the selected site.

    Encoded chromosomes are held once made, images as bits, so that later passes only read them.
    """

    config: Config
    needs, method = "painted chromosomes", "painted-chromosomes"

    def __init__(
        self, config: Config, data: Dataset, split: Split | None, *, executor: str = "serial", workers: int = 1
    ) -> None:
        super().__init__(config, data, split, executor=executor, workers=workers)
        self.columns = tuple(f"p_{name}" for name in column_names(config.columns))
        self._encoded: dict[int, np.ndarray] = {}
        self._site = site_columns(config, data.columns["position"]) if "position" in data.columns else None

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with statistics (batch, channel, column) or pixels int8 (batch, row, column), and site if known.

        `site` is in columns from the beginning of the chromosome (batch,), NaN where nothing is selected.
        """
        index = self.parts.of_part(part)
        training = part == "train" and epoch > 0
        rng = generator(seed, "train", epoch)
        if training:
            index = rng.permutation(index)
        turn_around = rng.random(len(index)) < 0.5 if training and self.config.mirror else np.zeros(len(index), bool)
        turned = self.parts.batches(part, turn_around)
        name = "pixels" if self.config.network == "detector" else "statistics"
        encoded = self._rows(index)
        for rows, turn in zip(self.parts.batches(part, index), turned, strict=True):
            values = np.stack(
                [self._turn(x) if t else x for x, t in zip(islice(encoded, len(rows)), turn, strict=True)]
            )
            batch = {name: torch.from_numpy(values)}
            if self._site is not None:
                site = np.where(turn, self.config.columns - self._site[rows], self._site[rows])
                batch["site"] = torch.from_numpy(site)
            yield batch

    def _rows(self, index: np.ndarray) -> Iterator[np.ndarray]:
        """Examples encoded, each read once; those to be simulated are asked for together, not batch by batch."""
        absent = [row for row in index.tolist() if row not in self._encoded]
        made = zip(absent, self.parts.x.take(np.array(absent, np.int64)))
        for row in index.tolist():
            while row not in self._encoded:  # of two who read at once, the other may have encoded some of these
                place, example = next(made)
                if place not in self._encoded:
                    self._encoded[place] = self._encode(example)
            yield self._opened(self._encoded[row])

    def _opened(self, encoded: np.ndarray) -> np.ndarray:
        """Statistics as they are; pixels of bit planes, 1 of the source, -1 of others, 0 without a call."""
        if self.config.network == "heat-map":
            return encoded
        bits = np.unpackbits(encoded, axis=2, count=self.config.columns).astype(np.int8)
        return bits[0] - bits[1]

    def _encode(self, example: dict[str, np.ndarray]) -> np.ndarray:
        """Statistics of the source, or two bit planes: pixels of it, and pixels of others."""
        source = int(example.get("painted", 0))
        tracts = Tracts.unpacked(example)
        if self.config.network == "heat-map":
            return column_statistics(tracts, source=source, columns=self.config.columns).values
        image = fit_rows(paint(tracts, source=source, columns=self.config.columns), self.config.haplotypes)
        return np.stack([np.packbits(image == colour, axis=1) for colour in (1, 0)])

    def _turn(self, encoded: np.ndarray) -> np.ndarray:
        return mirrored(encoded) if self.config.network == "heat-map" else encoded[:, ::-1]

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Minus the log-probability of the site's column; or the detector's own."""
        site, columns = batch["site"], self.config.columns
        column = torch.where(site.isnan(), columns, site.nan_to_num().floor()).clamp(0, columns).long()
        if self.config.network == "heat-map":
            return nll_loss(model(batch["statistics"]), column)
        inner = cast(Detector, getattr(model, "module", model))
        return inner.loss(batch["pixels"].float(), [self._boxes(one) for one in column])

    def _boxes(self, column: torch.Tensor) -> torch.Tensor:
        """Middle and size of the box around a column, as shares of the image (1, 4); none (0, 4) where none is."""
        columns, half = self.config.columns, self.config.box // 2
        at = column[column < columns].reshape(-1)
        low, high = (at - half).clamp(min=0), (at + half + 1).clamp(max=columns)
        whole = torch.ones_like(at)
        return torch.stack([(low + high) / 2 / columns, whole / 2, (high - low) / columns, whole], dim=1).float()

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Score of each column: that of the best interval drawn over it."""
        if self.config.network == "heat-map":
            scores = heat_scores(model(batch["statistics"]), self.config.box)
        else:
            logits, boxes = model(batch["pixels"].float())
            scores = box_scores(logits, boxes, self.config.columns)
        return dict(zip(self.columns, scores.detach().cpu().numpy().T, strict=True))


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> PaintedTask:
    """The task of a configuration on simulated examples or on windows of called chromosomes."""
    del meta
    return PaintedTask(config, data, split, executor=executor, workers=workers)
