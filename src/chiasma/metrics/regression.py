"""Figures of merit of regressions, for one track; NaN where a value is missing or the truth does not vary."""

from __future__ import annotations

import numpy as np

_TINY = 1e-12
"""Variance below this share of the mean square is rounding, not variation."""


def r2(y: np.ndarray, predicted: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Coefficient of determination: 1 - squared error / variance of the truth; negative when worse than the mean."""
    w = _weights(y, weight)
    variance = _variance(y, w)
    if np.isnan(variance) or variance <= 0:
        return float("nan")
    return float(1.0 - (w @ (np.asarray(y, float) - predicted) ** 2) / variance)


def rmse(y: np.ndarray, predicted: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Root of the mean squared error, in the unit of the target."""
    return float(np.sqrt(_weights(y, weight) @ (np.asarray(y, float) - predicted) ** 2))


def pearson(y: np.ndarray, predicted: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Linear correlation."""
    y, predicted = np.asarray(y, float), np.asarray(predicted, float)
    w = _weights(y, weight)
    spread = _variance(y, w) * _variance(predicted, w)
    if np.isnan(spread) or spread <= 0:
        return float("nan")
    covariance = w @ ((y - w @ y) * (predicted - w @ predicted))
    return float(np.clip(covariance / np.sqrt(spread), -1.0, 1.0))


def spearman(y: np.ndarray, predicted: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Correlation of ranks, ties sharing their mean rank."""
    return Ranks(y, predicted).spearman(weight)


class Ranks:
    """Truth and prediction sorted once, for rank correlation at many weightings."""

    def __init__(self, y: np.ndarray, predicted: np.ndarray) -> None:
        self.valid = not (np.isnan(y).any() or np.isnan(predicted).any())
        self.groups = [np.unique(values, return_inverse=True)[1] for values in (y, predicted)]

    def spearman(self, weight: np.ndarray | None = None) -> float:
        """Rank correlation with each example counted `weight` times (example,)."""
        if not self.valid or not len(self.groups[0]):
            return float("nan")
        ranks = []
        for group in self.groups:
            mass = np.bincount(group, weights=weight).astype(float)
            ranks.append((np.cumsum(mass) - 0.5 * mass)[group])
        return pearson(ranks[0], ranks[1], weight=weight)


def _weights(y: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Weights that sum to one, or NaN where there is nothing to weigh."""
    raw = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    total = raw.sum()
    return raw / total if total > 0 else np.full(len(raw), np.nan)


def _variance(values: np.ndarray, w: np.ndarray) -> float:
    values = np.asarray(values, float)
    if not len(values):
        return float("nan")
    mean = w @ values
    variance = float(w @ (values - mean) ** 2)
    return variance if not variance <= _TINY * float(mean**2) else 0.0
