"""Figures of merit of classifiers.

All take `weight`, how often each example counts (a bootstrap draw); all return NaN, never a wrong number, where a score
is NaN or where the classes present do not allow the figure.
"""

from __future__ import annotations

import numpy as np

from chiasma.metrics.ranking import Ranking

ECE_BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017 use 15)."""
SMALLEST_PROBABILITY = 1e-15
"""Where log-likelihood cuts probabilities, so that one certain error gives a finite, bad figure."""


def auroc(y: np.ndarray, score: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve of truth `y`, 0/1 (example,), and `score` (example,); ties count half."""
    return Ranking.of(y, score).auroc(weight)


def auprc(
    y: np.ndarray,
    score: np.ndarray,
    *,
    negatives_per_positive: float | None = None,
    weight: np.ndarray | None = None,
) -> float:
    """Average precision of truth `y`, 0/1 (example,), and `score` (example,).

    Args:
        y: 0 or 1 (example,).
        score: higher is more positive (example,).
        negatives_per_positive: re-weight the negatives to this many for one positive; exact in expectation.
        weight: count of each example (example,).
    """
    return Ranking.of(y, score).auprc(weight, negatives_per_positive=negatives_per_positive)


def confusion(y: np.ndarray, predicted: np.ndarray, n_classes: int, *, weight: np.ndarray | None = None) -> np.ndarray:
    """Weight of the examples of each true class (row) called each class (column), (class, class)."""
    cell = np.asarray(y, np.int64) * n_classes + np.asarray(predicted, np.int64)
    return np.bincount(cell, weights=weight, minlength=n_classes**2).reshape(n_classes, n_classes).astype(float)


def balanced_accuracy(
    y: np.ndarray, predicted: np.ndarray, n_classes: int, *, weight: np.ndarray | None = None
) -> float:
    """Mean recall over the classes that are present; NaN where fewer than two are."""
    return balanced_accuracy_of(confusion(y, predicted, n_classes, weight=weight))


def balanced_accuracy_of(table: np.ndarray) -> float:
    """Balanced accuracy of a confusion table (class, class)."""
    size = table.sum(axis=1)
    present = size > 0
    if present.sum() < 2:
        return float("nan")
    return float((np.diag(table)[present] / size[present]).mean())


def mcc(y: np.ndarray, predicted: np.ndarray, n_classes: int = 2, *, weight: np.ndarray | None = None) -> float:
    """Matthews correlation, in Gorodkin's (2004) form for more classes; 0 where one class only is ever called."""
    return mcc_of(confusion(y, predicted, n_classes, weight=weight))


def mcc_of(table: np.ndarray) -> float:
    """Matthews correlation of a confusion table (class, class)."""
    truth, called, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    if (truth > 0).sum() < 2:
        return float("nan")
    covariance = np.trace(table) * total - truth @ called
    spread = (total**2 - called @ called) * (total**2 - truth @ truth)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def brier(y: np.ndarray, probability: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Mean squared error of p positive (example,), or of p (example, class) summed over classes."""
    if np.ndim(probability) == 1:
        return _mean((np.asarray(probability) - y) ** 2, weight)
    hit = np.asarray(y)[:, None] == np.arange(np.shape(probability)[1])
    return _mean(((probability - hit) ** 2).sum(axis=1), weight)


def loglik(y: np.ndarray, probability: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Mean natural log of the probability given to the truth, of p positive (example,) or p (example, class)."""
    probability = np.asarray(probability, float)
    if probability.ndim == 1:
        of_truth = np.where(np.asarray(y) > 0, probability, 1 - probability)
    else:
        of_truth = probability[np.arange(len(probability)), np.asarray(y, np.int64)]
    return _mean(np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)), weight)


def ece(y: np.ndarray, probability: np.ndarray, *, bins: int = ECE_BINS, weight: np.ndarray | None = None) -> float:
    """Expected calibration error over bins of equal mass.

    With p positive (example,) the gap is between mean p and the share of positives; with p (example, class) between the
    mean top probability and the share of right calls. Equal probabilities share a bin.
    """
    return Calibration(y, probability).ece(weight, bins=bins)


class Calibration:
    """Confidence and outcome of each example, sorted once for repeated weighting."""

    def __init__(self, y: np.ndarray, probability: np.ndarray) -> None:
        probability = np.asarray(probability, float)
        if probability.ndim == 2:
            outcome = (probability.argmax(axis=1) == y).astype(float)
            probability = probability.max(axis=1)
        else:
            outcome = (np.asarray(y) > 0).astype(float)
        self.order = np.argsort(probability, kind="stable")
        self.confidence, self.outcome = probability[self.order], outcome[self.order]
        new = np.append(True, self.confidence[1:] != self.confidence[:-1]) if len(self.order) else np.zeros(0, bool)
        self.group = np.cumsum(new) - 1
        self.first = np.flatnonzero(new)

    def ece(self, weight: np.ndarray | None = None, *, bins: int = ECE_BINS) -> float:
        """Expected calibration error at these weights (example,)."""
        ranked = np.ones(len(self.order)) if weight is None else np.asarray(weight, float)[self.order]
        total = ranked.sum()
        if total <= 0 or np.isnan(self.confidence).any():
            return float("nan")
        mass = np.add.reduceat(ranked, self.first)
        middle = (np.cumsum(mass) - 0.5 * mass) / total
        in_bin = np.minimum((middle * bins).astype(np.int64), bins - 1)[self.group]
        gap = np.bincount(in_bin, weights=ranked * (self.outcome - self.confidence), minlength=bins)
        return float(np.abs(gap).sum() / total)


def _mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    if not len(values):
        return float("nan")
    if weight is None:
        return float(values.mean())
    total = weight.sum()
    return float(values @ weight / total) if total > 0 else float("nan")
