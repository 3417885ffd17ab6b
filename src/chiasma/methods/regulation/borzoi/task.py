"""The task: windows and their tracks, with the Poisson-multinomial loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.track_task import TrackTask
from chiasma.methods.regulation.borzoi.config import Config
from chiasma.nn.losses import poisson_multinomial


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> TrackTask:
    """The task of a configuration; nothing is simulated, so executor and workers have no work."""
    return TrackTask(
        config, data, split, loss=partial(poisson_multinomial, total_weight=config.loss_total_weight), meta=meta
    )
