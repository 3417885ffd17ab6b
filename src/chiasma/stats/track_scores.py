"""Agreement of predicted and measured tracks with intervals: whole units of windows are resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.data.results import Estimate
from chiasma.stats.bootstrap import draw_weights, interval

_ROWS = 64
"""Draws computed at a time."""
_ROUNDING = 1e-12
"""Share of a mean square below which a variance is taken for 0."""


@dataclass(frozen=True, eq=False)
class UnitSums:
    """Sums over the bins of each unit's windows, from which correlations on any draw of units follow.

    Attributes:
        sums: bins, then of y, p, y y, p p, y p, as differences from one centre (unit, 6, track).
    """

    sums: np.ndarray

    def pearson(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Linear correlation over bins (draw, track) where units count as in `weights` (draw, unit), once by default.

        NaN where the measured track does not vary; 0 where only the prediction does not.
        """
        y, p, yy, pp, yp = self._means(weights)
        measured, said = _variance(yy, y), _variance(pp, p)
        spread = measured * said
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(spread > 0, np.clip((yp - y * p) / np.sqrt(np.maximum(spread, 0)), -1.0, 1.0), 0.0)
        return np.where(measured > 0, found, np.nan)

    def r2(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Coefficient of determination (draw, track); NaN where the measured track does not vary."""
        y, _, yy, pp, yp = self._means(weights)
        measured = _variance(yy, y)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(measured > 0, 1 - (yy + pp - 2 * yp) / measured, np.nan)

    def _means(self, weights: np.ndarray | None) -> tuple[np.ndarray, ...]:
        units = len(self.sums)
        chosen = np.ones((1, units)) if weights is None else weights
        total = np.tensordot(chosen, self.sums, axes=1)  # (draw, 6, track)
        mean = total[:, 1:] / np.maximum(total[:, :1], 1)
        return tuple(np.moveaxis(mean, 1, 0))


def _variance(square: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Mean square less squared mean; what is left by rounding alone is 0."""
    found = square - mean * mean
    return np.where(found > _ROUNDING * square, found, 0.0)


class UnitMoments:
    """Gathers `UnitSums` a few windows at a time.

    Args:
        unit: of every window that will be added (example,).
        centre: a value near each track's mean (track,), taken off measured and predicted values alike, for sums of a
            high and nearly constant track would cancel.
    """

    def __init__(self, unit: np.ndarray, centre: np.ndarray) -> None:
        _, self._code = np.unique(unit, return_inverse=True)
        self._centre = np.asarray(centre, np.float64)
        self._sums = np.zeros((int(self._code.max(initial=-1)) + 1, 6, len(self._centre)))

    def add(self, start: int, target: np.ndarray, predicted: np.ndarray) -> None:
        """Take in the windows from `start` on (example, bin, track)."""
        y, p = (np.asarray(each, np.float64) - self._centre for each in (target, predicted))
        ones = np.broadcast_to(np.float64(y.shape[1]), (len(y), y.shape[2]))
        each = np.stack([ones, y.sum(1), p.sum(1), (y * y).sum(1), (p * p).sum(1), (y * p).sum(1)], axis=1)
        np.add.at(self._sums, self._code[start : start + len(y)], each)

    def sums(self) -> UnitSums:
        """Of all that was added."""
        return UnitSums(self._sums)


@dataclass(frozen=True, eq=False)
class TrackScores:
    """How well each track is predicted.

    Attributes:
        pearson: correlation of each track over all bins, with interval.
        r2: coefficient of determination of each track (track,).
        draws: correlation of each track in each draw (draw, track).
    """

    pearson: list[Estimate]
    r2: np.ndarray
    draws: np.ndarray

    def mean(self, index: np.ndarray | None = None, *, unit_name: str) -> tuple[Estimate, np.ndarray]:
        """Mean correlation over some tracks (all by default) with its interval, and that of each draw (draw,)."""
        values = np.array([one.value for one in self.pearson])
        chosen = np.arange(len(values)) if index is None else np.asarray(index)
        defined = chosen[~np.isnan(values[chosen])]
        if not len(defined):
            return Estimate(float("nan"), unit=unit_name), np.full(len(self.draws), np.nan)
        known = ~np.isnan(self.draws[:, defined])
        total = np.where(known, self.draws[:, defined], 0).sum(axis=1)
        drawn = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
        return Estimate(float(values[defined].mean()), *interval(drawn), unit_name), drawn

    def mean_r2(self) -> float:
        """Mean coefficient of determination of tracks that vary."""
        known = self.r2[~np.isnan(self.r2)]
        return float(known.mean()) if len(known) else float("nan")


def score_tracks(sums: UnitSums, unit: np.ndarray, *, unit_name: str, seed: int, draws: int) -> TrackScores:
    """Correlation of every track with its interval; equal seeds draw equal units, whatever the model.

    Args:
        sums: of the windows.
        unit: resampling unit of each window (example,).
        unit_name: what a unit is.
        seed: root of the draws.
        draws: bootstrap draws; none where there is one unit only.
    """
    _, first = np.unique(unit, return_index=True)
    count = len(first)
    rows: list[np.ndarray] = []
    if count > 1:
        table = np.array([weight[first] for weight in draw_weights(unit, seed=seed, draws=draws)])
        rows = [sums.pearson(table[start : start + _ROWS]) for start in range(0, draws, _ROWS)]
    value = sums.pearson()[0]
    drawn = np.concatenate(rows) if rows else np.full((0, len(value)), np.nan)
    spread: Sequence[tuple[float, float]] = [interval(drawn[:, track]) for track in range(len(value))]
    found = [Estimate(float(one), *two, unit_name) for one, two in zip(value, spread, strict=True)]
    return TrackScores(found, sums.r2()[0], drawn)
