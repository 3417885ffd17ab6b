"""The task: windows and their tracks, with the Poisson-multinomial loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.genomes_task import GenomesTask, make_track_task
from chiasma.fit.track_task import TrackTask
from chiasma.methods.regulation.borzoi.config import Config
from chiasma.nn.losses import poisson_multinomial, position_weights


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> TrackTask | GenomesTask:
    """The task of a configuration; nothing is simulated, so executor and workers have no work."""
    bins = config.length // config.bin - 2 * config.crop
    ends = config.loss_ends
    weight = None if ends is None else position_weights(bins, ratio=ends, power=config.loss_ends_power)
    loss = partial(poisson_multinomial, total_weight=config.loss_total_weight, weight=weight)
    return make_track_task(config, data, split, loss=loss, meta=meta)
