"""Areas under ROC and precision-recall curves, sorted once and re-weighted at will."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class Ranking:
    """Examples by decreasing score, equal scores forming one threshold.

    Weights are counts: weight 2 is the example twice. So a bootstrap sorts once and draws a thousand times.

    Attributes:
        order: index of each example, best score first (example,).
        last: place in `order` of the last member of every group of equal scores (threshold,).
        positive: 1.0 for a positive, in the order of `order` (example,).
        valid: whether every score is a number.
    """

    order: np.ndarray
    last: np.ndarray
    positive: np.ndarray
    valid: bool

    @classmethod
    def of(cls, y: np.ndarray, score: np.ndarray) -> Self:
        """Sort by `score` (example,) the examples whose truth is `y`, 0/1 (example,)."""
        y, score = np.asarray(y), np.asarray(score, float)
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.zeros(0, np.int64)
        return cls(order, last, (y[order] > 0).astype(float), not np.isnan(score).any())

    def _counts(self, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Weight of the positives and of the negatives down to each threshold, (threshold,) both."""
        ranked = np.ones(len(self.order)) if weight is None else np.asarray(weight, float)[self.order]
        positives = ranked * self.positive
        true = np.cumsum(positives)[self.last]
        every = np.cumsum(ranked)[self.last]
        return true, np.maximum(every - true, 0.0)

    def auroc(self, weight: np.ndarray | None = None) -> float:
        """Chance that a positive scores above a negative, a tie counting half; NaN where a class is absent."""
        true, false = self._counts(weight)
        if not self.valid or not len(true) or true[-1] <= 0 or false[-1] <= 0:
            return float("nan")
        steps = np.diff(false, prepend=0.0)
        heights = true - 0.5 * np.diff(true, prepend=0.0)
        return float(steps @ heights / (true[-1] * false[-1]))

    def auprc(self, weight: np.ndarray | None = None, *, negatives_per_positive: float | None = None) -> float:
        """Average precision; with a ratio, every negative is weighted so that the classes stand 1 : ratio.

        Precision at each threshold is the one expected of a set with that ratio, so nothing is drawn.
        """
        true, false = self._counts(weight)
        if not self.valid or not len(true) or true[-1] <= 0 or false[-1] <= 0:
            return float("nan")
        if negatives_per_positive is not None:
            false = false * (negatives_per_positive * true[-1] / false[-1])
        called = true + false
        precision = np.divide(true, called, out=np.zeros_like(true), where=called > 0)
        return float(np.diff(true, prepend=0.0) @ precision / true[-1])
