"""From summed coverage to targets and back: power, soft clip and scale, in the order that the table names."""

from __future__ import annotations

import numpy as np

from chiasma.data.track_table import TrackTable


def squash(summary: np.ndarray, table: TrackTable) -> np.ndarray:
    """Targets from the summary of coverage in each bin (..., bin, track).

    In the old order the summary is of coverage as it is and the scale comes last; in the new one the coverage is scaled
    first, which for sums and means is scaling the summary. A peak is twice the root of the mean, 1 at most: a bin
    covered to a quarter counts as whole. Source: baskerville's data preparation, as in Linder et al. 2025, Methods.
    """
    x, scale, power, soft = summary.astype(np.float64), table.scale, table.exponent, _soft(table)
    peak = table.sum_stat == "peak"
    if table.squash == "old":
        x = np.where(peak, _peak(x), np.where(power == 1, x, np.maximum(x, 0) ** power))
        x = np.where(x > soft, soft + np.sqrt(np.maximum(x - soft, 0)), x)
        return _clipped(x, table) * scale
    x = x * scale
    x = np.where(peak, _peak(x), np.where(power == 1, x, np.maximum(1 + x, 0) ** power - 1))
    x = np.where(x > soft, soft - 1 + np.sqrt(np.maximum(x - soft + 1, 0)), x)
    return _clipped(x, table)


def unsquash(targets: np.ndarray, table: TrackTable) -> np.ndarray:
    """The summary of coverage that targets or predictions stand for; what was cut off at `clip` stays so."""
    y, scale, power, soft = targets.astype(np.float64), table.scale, table.exponent, _soft(table)
    peak = table.sum_stat == "peak"
    if table.squash == "old":
        y = y / scale
        y = np.where(y > soft, np.where(y > soft, y - soft, 0) ** 2 + soft, y)
        return np.where(peak, y**2 / 4, np.where(power == 1, y, np.maximum(y, 0) ** (1 / power)))
    y = np.where(y > soft, np.where(y > soft, y - soft + 1, 0) ** 2 + soft - 1, y)
    y = np.where(peak, y**2 / 4, np.where(power == 1, y, np.maximum(1 + y, 0) ** (1 / power) - 1))
    return y / scale


def _peak(mean: np.ndarray) -> np.ndarray:
    return np.clip(2 * np.sqrt(np.maximum(mean, 0)), 0, 1)


def _soft(table: TrackTable) -> np.ndarray:
    return np.where(np.isnan(table.clip_soft), np.inf, table.clip_soft)


def _clipped(x: np.ndarray, table: TrackTable) -> np.ndarray:
    limit = np.where(np.isnan(table.clip), np.inf, table.clip)
    return np.clip(x, -limit, limit)
