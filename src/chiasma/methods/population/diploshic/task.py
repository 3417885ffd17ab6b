"""The task: statistics of simulated regions, of feature vectors or of real windows, to the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.grid_task import GridTask
from chiasma.fit.simulated_parts import with_keeper
from chiasma.methods.population.diploshic.config import Config
from chiasma.stats.popgen.features import ROWS, WINDOWS, FeatureReader


def make_task(
    config: Config,
    data: Dataset,
    split: Split | None,
    *,
    meta: Mapping[str, Any] | None = None,
    executor: str = "serial",
    workers: int = 1,
) -> GridTask:
    """The task of a configuration."""
    return GridTask(
        with_keeper(data, split, cache=config.cache, executor=executor, workers=workers),
        split,
        reader=FeatureReader,
        batch_size=config.training.batch_size,
        mirror=config.mirror,
        shape=(len(ROWS[config.statistics]), WINDOWS),
        meta=meta,
    )
