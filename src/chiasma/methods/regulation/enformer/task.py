"""The task: windows and their tracks, with the Poisson loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.data.split import Split
from chiasma.fit.genomes_task import GenomesTask, make_track_task
from chiasma.fit.track_task import TrackTask
from chiasma.methods.regulation.enformer.config import Config
from chiasma.nn.losses import poisson


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
    return make_track_task(config, data, split, loss=poisson, meta=meta)
