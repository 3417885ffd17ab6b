"""Approximate Bayesian computation from a table of simulations: rejection and local-linear adjustment."""

from __future__ import annotations

from typing import Self

import numpy as np


class Ranges:
    """Parameters between bounds, and the same without bounds (logit), where adjustment cannot leave them.

    Args:
        low: (parameter,).
        high: (parameter,).
    """

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.low, self.high = np.asarray(low, np.float64), np.asarray(high, np.float64)

    def free(self, values: np.ndarray) -> np.ndarray:
        """Without bounds (..., parameter)."""
        share = np.clip((values - self.low) / (self.high - self.low), 1e-9, 1 - 1e-9)
        return np.log(share) - np.log1p(-share)

    def bounded(self, free: np.ndarray) -> np.ndarray:
        """Back between the bounds (..., parameter)."""
        return self.low + (self.high - self.low) / (1 + np.exp(-np.clip(free, -700, 700)))


class LearntSummary:
    """One statistic for each parameter: its ridge regression on all statistics (Fearnhead and Prangle 2012).

    Attributes:
        mean_: of the statistics (statistic,).
        deviation_: of the statistics (statistic,).
        weights_: (statistic + 1, parameter), the last row the intercept.
    """

    def fit(self, statistics: np.ndarray, free: np.ndarray) -> Self:
        """Learn from statistics (draw, statistic) and parameters without bounds (draw, parameter)."""
        from sklearn.linear_model import RidgeCV

        self.mean_, self.deviation_ = statistics.mean(axis=0), statistics.std(axis=0)
        self.deviation_[self.deviation_ < 1e-9] = 1.0
        ridge = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(self._scaled(statistics), free)
        coefficients = np.atleast_2d(ridge.coef_)
        self.weights_ = np.vstack([coefficients.T, np.atleast_1d(ridge.intercept_)])
        return self

    def transform(self, statistics: np.ndarray) -> np.ndarray:
        """Of new statistics (draw, statistic): (draw, parameter)."""
        return self._scaled(statistics) @ self.weights_[:-1] + self.weights_[-1]

    def _scaled(self, statistics: np.ndarray) -> np.ndarray:
        return (statistics - self.mean_) / self.deviation_


def cross_fitted(statistics: np.ndarray, free: np.ndarray, *, folds: int = 5) -> tuple[LearntSummary, np.ndarray]:
    """A summary learnt from a table, and the table's own summaries by fits that did not see them.

    A fit describes its own draws better than new ones: posteriors built on these would be too narrow.

    Args:
        statistics: (draw, statistic).
        free: parameters without bounds (draw, parameter).
        folds: every so manieth draw is left out together.

    Returns:
        The summary for new statistics, and summaries of the table (draw, parameter).
    """
    fold = np.arange(len(free)) % folds
    out = np.empty_like(free)
    for left_out in range(folds):
        rest = fold != left_out
        out[~rest] = LearntSummary().fit(statistics[rest], free[rest]).transform(statistics[~rest])
    return LearntSummary().fit(statistics, free), out


def nearest(summaries: np.ndarray, observed: np.ndarray, *, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """The draws nearest to the observation, and their Epanechnikov weights.

    Args:
        summaries: (draw, summary).
        observed: (summary,).
        keep: how many.

    Returns:
        Their indices, the nearest first, and weights that add to 1.

    Raises:
        ValueError: more are kept than there are.
    """
    if not 2 <= keep <= len(summaries):
        raise ValueError(f"keep {keep} of {len(summaries)} draws")
    middle = np.median(summaries, axis=0)
    scale = np.median(np.abs(summaries - middle), axis=0)
    distance = np.sqrt((((summaries - observed) / np.where(scale > 0, scale, 1)) ** 2).sum(axis=1))
    index = np.argsort(distance, kind="stable")[:keep]
    widest = distance[index[-1]]
    weights = 1 - (distance[index] / widest) ** 2 if widest > 0 else np.ones(keep)
    weights = np.maximum(weights, 0) + 1e-12
    return index, weights / weights.sum()


def adjust(free: np.ndarray, summaries: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Parameters of the kept draws as if their summaries were those observed (Beaumont, Zhang and Balding 2002).

    Args:
        free: parameters without bounds (draw, parameter).
        summaries: (draw, summary).
        observed: (summary,).
        weights: (draw,).

    Returns:
        Adjusted parameters (draw, parameter).
    """
    away = summaries - observed
    design = np.column_stack([np.ones(len(away)), away])
    root = np.sqrt(weights)[:, None]
    slopes = np.linalg.lstsq(root * design, root * free, rcond=None)[0]
    return free - away @ slopes[1:]


def abc_posterior(
    parameters: np.ndarray,
    summaries: np.ndarray,
    observed: np.ndarray,
    ranges: Ranges,
    *,
    keep: int,
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws of the posterior given each observation.

    Args:
        parameters: of the table, from the prior (draw, parameter).
        summaries: of the table (draw, summary).
        observed: (observation, summary).
        ranges: of the parameters.
        keep: nearest draws of the table.
        draws: of each posterior.
        rng: resamples the kept draws by weight.

    Returns:
        (observation, draw, parameter).
    """
    free = ranges.free(parameters)
    out = []
    for one in observed:
        index, weights = nearest(summaries, one, keep=keep)
        adjusted = adjust(free[index], summaries[index], one, weights)
        out.append(ranges.bounded(adjusted[rng.choice(keep, size=draws, p=weights)]))
    return np.array(out)
