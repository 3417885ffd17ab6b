"""Intervals for tracks along windows, learnt from regions of the validation part."""

from __future__ import annotations

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.uncertainty.region_intervals import RegionIntervals, least_regions
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared

INTERVALS = "intervals"
"""Key of a fitted model's facts: state of the intervals by genome, "" where there is one."""
SOURCE = "validation part, whose loss also chose the epoch"
_WINDOWS = 256
_BINS = 64
"""Windows of the validation part, and bins of each, that are looked at: drawn at random where there are more."""


def track_intervals(fitted: Fitted, prepared: Prepared, options: FitOptions) -> tuple[RegionIntervals | None, str]:
    """Intervals at level 1 - alpha, or None and the reason.

    No windows are kept from training for them: the network saw those of the validation part only in choosing its epoch.
    What the intervals hold of the test part is measured there.
    """
    index, least = prepared.split.where("valid"), least_regions(options.alpha)
    regions = len(np.unique(prepared.dataset.unit[index]))
    if regions < least:
        asked = f"{least} are needed for intervals at {1 - options.alpha:.0%}"
        return None, f"{regions} units of windows in the validation part ({prepared.dataset.unit_name}): {asked}"
    draw = generator(options.seed, "windows for intervals")
    if len(index) > _WINDOWS:
        index = np.sort(draw.choice(index, _WINDOWS, replace=False))
    predicted, truth = [], []
    for row in index:
        one = prepared.dataset.take(np.array([row]))
        bins = one.target.values.shape[1]
        chosen = np.arange(bins) if bins <= _BINS else np.sort(draw.choice(bins, _BINS, replace=False))
        predicted.append(fitted.scores(one, device=options.device)[0][chosen].astype(np.float32))
        truth.append(np.asarray(one.target.values[0], np.float32)[chosen])
    region = prepared.dataset.unit[index]
    try:
        made = RegionIntervals().fit(
            np.stack(predicted), np.stack(truth), region=region, alpha=options.alpha, seed=options.seed
        )
    except InsufficientDataError as error:  # the windows drawn may lie in fewer regions
        return None, str(error).splitlines()[0]
    return made, ""
