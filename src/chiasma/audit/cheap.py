"""A cheap linear model and how well it does, with intervals: the audit's measuring stick.

Ridge regression on class indicators is the linear discriminant up to scale, has a closed form, and needs one matrix
for any number of labels or permutations of them.
"""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Target
from chiasma.data.results import Estimate

PENALTY = 0.01
"""Ridge penalty as a share of the examples, on standardised features."""
FOLDS = 5


def metric_of(target: Target) -> str:
    """The figure that the cheap model is rated by."""
    return "Pearson r" if target.kind == "regression" else "AUROC"


def chance(target: Target) -> float:
    """What a coin reaches."""
    return 0.0 if target.kind == "regression" else 0.5


def indicators(target: Target) -> np.ndarray:
    """The target as numbers to regress on, float64 (example, output); one column for two classes."""
    if target.kind == "binary":
        return (np.asarray(target.values) == 1).astype(float)[:, None]
    if target.kind == "multiclass":
        return (np.asarray(target.values)[:, None] == np.arange(len(target.names))).astype(float)
    return np.asarray(target.values, float).reshape(len(target.values), -1)


def fit_and_score(train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    """Ridge scores of the test rows (example, output), features standardised on the training rows."""
    mean, deviation = train_x.mean(axis=0), train_x.std(axis=0)
    used = deviation > 1e-12
    left = (train_x[:, used] - mean[used]) / deviation[used]
    right = (test_x[:, used] - mean[used]) / deviation[used]
    centre = train_y.mean(axis=0)
    penalty = PENALTY * len(left)
    if left.shape[1] <= len(left):
        gram = left.T @ left + penalty * np.eye(left.shape[1])
        weights = np.linalg.solve(gram, left.T @ (train_y - centre))
    else:
        gram = left @ left.T + penalty * np.eye(len(left))
        weights = left.T @ np.linalg.solve(gram, train_y - centre)
    return right @ weights + centre


def folds_by_unit(unit: np.ndarray, stratum: np.ndarray, *, seed: int, folds: int = FOLDS) -> np.ndarray:
    """Fold of each example (example,): whole units, their first members' strata in proportion."""
    _, first, code = np.unique(unit, return_index=True, return_inverse=True)
    shuffled = generator(seed, "audit", "folds").permutation(len(first))
    order = shuffled[np.argsort(stratum[first][shuffled], kind="stable")]
    fold = np.empty(len(first), int)
    fold[order] = np.arange(len(first)) % folds
    return fold[code.ravel()]


def crossed_scores(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Scores of each example by a model that has not seen its fold (example, output)."""
    scores = np.zeros((len(x), y.shape[1]))
    for number in np.unique(fold):
        outside, inside = fold != number, fold == number
        scores[inside] = fit_and_score(x[outside], y[outside], x[inside])
    return scores


def rate(y: np.ndarray, scores: np.ndarray, *, unit: np.ndarray, continuous: bool, unit_name: str) -> Estimate:
    """Mean over outputs of AUROC (or Pearson r), with a 95 % interval that treats units as the independent draws.

    The interval is the figure's influence function summed by unit (for AUROC that of Obuchowski 1997).
    Outputs with one class, or constant, are left out; NaN where nothing is left.
    """
    values, influences = [], []
    for output in range(y.shape[1]):
        known = np.isfinite(y[:, output])
        if continuous:
            value, influence = _pearson(y[known, output], scores[known, output])
        else:
            value, influence = _auroc(y[known, output] > 0.5, scores[known, output])
        if np.isfinite(value):
            full = np.zeros(len(y))
            full[known] = influence
            values.append(value)
            influences.append(full)
    if not values:
        return Estimate(float("nan"), unit=unit_name)
    _, code = np.unique(unit, return_inverse=True)
    error = float(np.sqrt((np.bincount(code.ravel(), np.mean(influences, axis=0)) ** 2).sum()))
    value = float(np.mean(values))
    low, high = (-1.0, 1.0) if continuous else (0.0, 1.0)
    return Estimate(value, max(low, value - 1.96 * error), min(high, value + 1.96 * error), unit_name)


def _auroc(positive: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The area and each example's influence on it."""
    from scipy.stats import rankdata

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    influence = np.zeros(len(score))
    if not n_positive or not n_negative:
        return float("nan"), influence
    rank = rankdata(score)
    within_positive, within_negative = rankdata(score[positive]), rankdata(score[~positive])
    beaten = (rank[positive] - within_positive) / n_negative
    beaten_by = 1 - (rank[~positive] - within_negative) / n_positive
    area = float(beaten.mean())
    influence[positive] = (beaten - area) / n_positive
    influence[~positive] = (beaten_by - area) / n_negative
    return area, influence


def _pearson(y: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """The correlation and each example's influence on it."""
    if len(y) < 3 or np.ptp(y) == 0 or np.ptp(score) == 0:
        return float("nan"), np.zeros(len(y))
    left, right = (y - y.mean()) / y.std(), (score - score.mean()) / score.std()
    r = float((left * right).mean())
    return r, (left * right - r * (left**2 + right**2) / 2) / len(y)
