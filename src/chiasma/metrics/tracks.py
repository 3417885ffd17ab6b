"""Agreement of predicted and measured tracks, one number a track, over bins of all windows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class TrackMoments:
    """Sums from which correlations follow, so that windows can be added a batch at a time.

    Sums are of differences from the first batch's means: those of a track with a high level and little variation would
    otherwise cancel.
    """

    def __init__(self) -> None:
        self.count = 0
        self._centre: tuple[np.ndarray, np.ndarray] | None = None
        self._sums = np.zeros((5, 0))

    def add(self, target: np.ndarray, predicted: np.ndarray) -> None:
        """Take in some windows (example, bin, track)."""
        y, p = (np.asarray(each, np.float64).reshape(-1, each.shape[-1]) for each in (target, predicted))
        if y.shape != p.shape:
            raise ValueError(f"targets {target.shape} and predictions {predicted.shape} differ")
        if self._centre is None:
            self._centre = (y.mean(axis=0), p.mean(axis=0))
            self._sums = np.zeros((5, y.shape[1]))
        y, p = y - self._centre[0], p - self._centre[1]
        self._sums += [y.sum(axis=0), p.sum(axis=0), (y * y).sum(axis=0), (p * p).sum(axis=0), (y * p).sum(axis=0)]
        self.count += len(y)

    def pearson(self) -> np.ndarray:
        """Linear correlation (track,); NaN where a track or its prediction does not vary."""
        y, p, yy, pp, yp = self._sums / max(self.count, 1)
        spread = (yy - y * y) * (pp - p * p)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (yp - y * p) / np.sqrt(spread)
        return np.where(spread > 0, np.clip(found, -1.0, 1.0), np.nan)

    def r2(self) -> np.ndarray:
        """Coefficient of determination (track,); NaN where a track does not vary."""
        assert self._centre is not None
        y, p, yy, pp, yp = self._sums / max(self.count, 1)
        shift = self._centre[0] - self._centre[1]
        squared = yy + pp - 2 * yp + 2 * shift * (y - p) + shift**2
        variance = yy - y * y
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(variance > 0, 1 - squared / variance, np.nan)


def pearson_by_track(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Correlation over all bins of all windows (track,), from pairs of targets and predictions (example, bin, track).

    As the published figures are made: over windows and bins together, then a mean over tracks if one number is wanted.
    """
    moments = TrackMoments()
    for target, predicted in batches:
        moments.add(target, predicted)
    return moments.pearson()
