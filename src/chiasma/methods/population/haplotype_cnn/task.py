"""The task: simulations streamed from workers into batches through the one encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.encode.haplotypes import as_haplotypes, encode_haplotypes
from chiasma.fit.simulated_parts import SimulatedTask
from chiasma.fit.task import Batch
from chiasma.methods.population.haplotype_cnn.config import Config


class HaplotypeTask(SimulatedTask):
    """Batches of encoded haplotypes.

    The first pass over a part takes examples as workers make them, in the order of their addresses (they are
    independent draws); they are then held, bits packed, and later passes are shuffled.

    Args:
        config, data, split, executor, workers: as of SimulatedTask.
        meta: of a fitted task; its names and scale are used.
    """

    config: Config
    method = "haplotype-cnn"
    predict_batch = 128

    def __init__(
        self,
        config: Config,
        data: Dataset,
        split: Split | None,
        *,
        meta: Mapping[str, Any] | None = None,
        executor: str = "serial",
        workers: int = 1,
    ) -> None:
        super().__init__(config, data, split, executor=executor, workers=workers)
        self._meta = dict(meta) if meta else self._learn()

    def _learn(self) -> dict[str, Any]:
        target = self.data.target
        meta: dict[str, Any] = {"kind": target.kind, "names": list(target.names)}
        if target.kind == "regression":
            rows = self.parts.of_part("train" if "train" in self.parts.rows else "all")
            values = target.values[rows]
            meta |= {"mean": values.mean(axis=0).tolist()}
            meta |= {"deviation": np.maximum(values.std(axis=0), 1e-8).tolist()}
        return meta

    @property
    def columns(self) -> tuple[str, ...]:
        """p_CLASS, or yhat_log_rho and its like."""
        prefix = "yhat_" if self._meta["kind"] == "regression" else "p_"
        return tuple(prefix + name for name in self._meta["names"])

    def meta(self) -> dict[str, Any]:
        """Kind, names and the scale of a regression target; JSON-ready."""
        return dict(self._meta)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        """Batches with alleles int8 (batch, haplotype, site), positions, n_sites and, where known, y."""
        order = self.parts.order(part, seed, epoch)
        examples = iter(self.parts.x.take(order))
        for rows in self.parts.batches(part, order):
            yield self._batch(rows, [next(examples) for _ in rows])

    def _batch(self, rows: np.ndarray, examples: list[dict[str, np.ndarray]]) -> Batch:
        encode = partial(encode_haplotypes, config=self.config.encoding)
        encoded = [encode(as_haplotypes(example)) for example in examples]
        n_sites = np.array([one.n_sites for one in encoded])
        # the exchangeable network does not see padding: columns that are padding for all need not be computed
        cut = self.config.encoding.sites
        if self.config.architecture == "exchangeable":
            cut = min(cut, max(2, int(n_sites.max())))
        batch = {
            "alleles": torch.from_numpy(np.stack([one.alleles[:, :cut] for one in encoded])),
            "positions": torch.from_numpy(np.stack([one.positions[:cut] for one in encoded])),
            "n_sites": torch.from_numpy(n_sites),
        }
        target = self.data.target
        if target.kind == "regression":
            scaled = (target.values[rows] - self._meta["mean"]) / np.array(self._meta["deviation"])
            batch["y"] = torch.from_numpy(scaled.astype(np.float32))
        elif target.kind == "multiclass":
            batch["y"] = torch.from_numpy(target.values[rows].astype(np.int64))
        return batch

    def _forward(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return model(batch["alleles"].float(), batch["positions"], batch["n_sites"])

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Squared error in standard deviations of the log parameters, or cross-entropy."""
        outputs = self._forward(model, batch)
        wrong = cross_entropy if self._meta["kind"] == "multiclass" else mse_loss
        loss = wrong(outputs, batch["y"])
        inner = getattr(model, "module", model)
        if model.training and hasattr(inner, "penalty"):
            loss = loss + cast(Any, inner).penalty()
        return loss

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """Probabilities, or parameters on the log scale."""
        outputs = self._forward(model, batch).detach().cpu().double()
        if self._meta["kind"] == "multiclass":
            values = outputs.softmax(dim=1).numpy()
        else:
            values = outputs.numpy() * np.array(self._meta["deviation"]) + np.array(self._meta["mean"])
        return dict(zip(self.columns, values.T, strict=True))


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> HaplotypeTask:
    """The task of a configuration on simulated examples or on windows of real haplotypes."""
    return HaplotypeTask(config, data, split, meta=meta, executor=executor, workers=workers)
