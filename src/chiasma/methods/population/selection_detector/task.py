"""The task: simulated regions, or windows of real haplotypes, through the one encoder to the detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.encode.central_sites import encode_central
from chiasma.fit.simulated_parts import SimulatedTask
from chiasma.fit.task import Batch
from chiasma.methods.population.selection_detector.config import Config


class DetectorTask(SimulatedTask):
    """Batches of regions and whether a sweep lies in them."""

    config: Config
    method = "selection-detector"
    columns: tuple[str, ...] = ("p_neutral", "p_selected")

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with alleles int8 (batch, haplotype, site), distances (batch, site) and, where known, y."""
        order = self.parts.order(part, seed, epoch)
        examples = iter(self.parts.x.take(order))
        for rows in self.parts.batches(part, order):
            regions = [encode_central(next(examples), sites=self.config.sites, length=self.config.length) for _ in rows]
            batch = {
                "alleles": torch.from_numpy(np.stack([codes for codes, _ in regions])),
                "distances": torch.from_numpy(np.stack([distances for _, distances in regions])),
            }
            if self.data.target.kind != "none":
                batch["y"] = torch.from_numpy(self.data.target.values[rows].astype(np.float32))
            yield batch

    def inputs(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        """What the network is called with: alleles and distances."""
        return batch["alleles"], batch["distances"]

    def criterion(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of logits of selection (batch,)."""
        return binary_cross_entropy_with_logits(outputs, batch["y"])

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy."""
        return self.criterion(model(*self.inputs(batch)), batch)

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Probability of each class."""
        selected = model(*self.inputs(batch)).detach().cpu().double().sigmoid().numpy()
        return {"p_neutral": 1 - selected, "p_selected": selected}


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> DetectorTask:
    """The task of a configuration on simulated regions or on windows of real haplotypes."""
    del meta
    return DetectorTask(config, data, split, executor=executor, workers=workers)
