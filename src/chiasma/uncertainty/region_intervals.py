"""Intervals for values along windows, where bins of one region depend on each other and regions do not.

Source: hierarchical conformal prediction (Lee, Barber and Willett 2023, arXiv:2306.06342): each region has the same
say, whatever its number of bins, and one more, unseen, stands beyond all of them. An interval then holds the value of a
bin drawn from a new region with the probability asked for, if regions are exchangeable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, NotTrainedError
from chiasma.core.rng import generator

_BINS = 512
"""Bins of a region that are kept, drawn at random where it has more."""


class RegionIntervals:
    """Intervals around predictions whose width grows as the root of the prediction, as that of counts does.

    Attributes:
        width_: half width where the prediction is at the track's level (track,).
        level_: mean prediction of each track (track,).
        regions_: how many they were learnt from.
    """

    def fit(self, predicted: np.ndarray, truth: np.ndarray, *, region: np.ndarray, alpha: float, seed: int) -> Self:
        """Learn widths from windows that the network was not fitted to.

        Args:
            predicted: not negative (window, bin, track).
            truth: the same shape.
            region: of each window (window,).
            alpha: share of bins that may lie outside.
            seed: of the bins that are kept.

        Raises:
            InsufficientDataError: so few regions that a new one could lie anywhere.
        """
        codes = np.unique(region, return_inverse=True)[1].ravel()
        self.regions_, self.alpha_ = int(codes.max(initial=-1)) + 1, alpha
        if (least := least_regions(alpha)) > self.regions_:
            raise InsufficientDataError(
                "too few regions for intervals", got=self.regions_, expected=f"{least} for {1 - alpha:.0%}"
            )
        tracks = predicted.shape[2]
        kept = [self._some(predicted[codes == one], truth[codes == one], seed, one) for one in range(self.regions_)]
        self.level_ = np.mean([guess.mean(axis=0) for guess, _ in kept], axis=0)
        scores = [np.abs(value - guess) / self._spread(guess) for guess, value in kept]
        weight = np.concatenate([np.full(len(one), 1 / len(one)) for one in scores]) / (self.regions_ + 1)
        stacked = np.concatenate(scores)
        self.width_ = np.empty(tracks)
        for track in range(tracks):
            order = np.argsort(stacked[:, track], kind="stable")
            place = int(np.searchsorted(np.cumsum(weight[order]), 1 - alpha - 1e-9))
            self.width_[track] = stacked[order, track][min(place, len(order) - 1)]
        return self

    def _some(self, guess: np.ndarray, value: np.ndarray, seed: int, region: int) -> tuple[np.ndarray, np.ndarray]:
        """Predictions and values (bin, track) of some bins of a region, float64."""
        flat = [each.reshape(-1, each.shape[2]) for each in (guess, value)]
        chosen = np.arange(len(flat[0]))
        if len(chosen) > _BINS:
            chosen = np.sort(generator(seed, "bins", region).choice(len(chosen), _BINS, replace=False))
        one, two = (np.asarray(each[chosen], np.float64) for each in flat)
        return one, two

    def _spread(self, predicted: np.ndarray) -> np.ndarray:
        """How wide the interval is, in units of `width_` (..., track)."""
        level = np.maximum(self.level_, 1e-9)
        return np.sqrt((np.maximum(predicted, 0) + level) / (2 * level))

    def intervals(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends (..., track) of predictions of the same shape; no end is below 0."""
        if not hasattr(self, "width_"):
            raise NotTrainedError("intervals were not learnt", do="call fit on windows that were held out")
        half = self.width_ * self._spread(np.asarray(predicted, np.float64))
        return np.maximum(predicted - half, 0), predicted + half

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {
            "width": self.width_.tolist(),
            "level": self.level_.tolist(),
            "regions": self.regions_,
            "alpha": self.alpha_,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], *, tracks: np.ndarray | None = None) -> Self:
        """From what `to_dict` gave; of some tracks (indices) only."""
        made = cls()
        made.width_, made.level_ = (np.asarray(state[name], float) for name in ("width", "level"))
        if tracks is not None:
            made.width_, made.level_ = made.width_[tracks], made.level_[tracks]
        made.regions_, made.alpha_ = int(state["regions"]), float(state["alpha"])
        return made


def least_regions(alpha: float) -> int:
    """Regions below which intervals of this level are endless."""
    return int(np.ceil(1 / alpha - 1e-9)) - 1
