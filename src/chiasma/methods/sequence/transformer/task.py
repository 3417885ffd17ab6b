"""The task: classes, labels or tracks from sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.sequence_task import SequenceTask
from chiasma.methods.sequence.transformer.config import Config


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> SequenceTask:
    """The shared sequence task; nothing is simulated, so `executor` and `workers` have nothing to do."""
    return SequenceTask.from_config(config, data, split, shortest=config.width + config.pool, meta=meta)
