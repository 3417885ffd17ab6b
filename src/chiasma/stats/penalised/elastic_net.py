"""LASSO and elastic-net classification along a path of penalties, as glmnet lays it out (Friedman et al. 2010).

Two classes: one column of coefficients for the second class. More: the symmetric softmax model with a penalty on each
coefficient (glmnet's "ungrouped"), one column a class, minimised class by class: given the others, a class is a
logistic regression with an offset. Features are divided by their standard deviation with 1/n, the intercept is free,
and only features that the sequential strong rule (Tibshirani et al. 2012) lets in are visited, the rest checked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.stats.penalised.coordinate_descent import solve_logistic

STEPS = 100
"""Penalties of a path."""
SMALLEST_MIX = 1e-3
"""The share of the absolute penalty below which the first penalty is computed as if it were this (glmnet)."""
NEARLY_ALL = 0.999
"""Share of the deviance explained at which a path ends (glmnet's devmax)."""
LEAST_GAIN = 1e-5
"""Gain in that share from one penalty to the next below which a path ends (glmnet's fdev)."""
FIRST_STEPS = 5
"""Penalties before the gain is looked at (glmnet's mnlam)."""
_CYCLES = 500


@dataclass(frozen=True, eq=False)
class Path:
    """Models along the path, strongest penalty first.

    Attributes:
        lambdas: penalties (step,).
        coefficients: on the scale of the features (step, column, feature); one column for two classes.
        intercepts: (step, column).
        explained: share of the null deviance explained (step,).
    """

    lambdas: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    explained: np.ndarray

    @property
    def selected(self) -> np.ndarray:
        """Features with a coefficient at each penalty (step,)."""
        return (self.coefficients != 0).any(axis=1).sum(axis=1)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Class probabilities of samples (sample, feature) at every penalty (step, sample, class)."""
        scores = np.einsum("np,lkp->lnk", values, self.coefficients, optimize=True) + self.intercepts[:, None, :]
        return class_probabilities(scores)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Standardised features (feature, sample), one-hot classes (column, sample), and the scales to go back."""

    columns: np.ndarray
    y: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    def gradient(self, eta: np.ndarray) -> np.ndarray:
        """Pull on each coefficient (column, feature) at the linear predictor (column, sample)."""
        return (self.y - _fitted(eta)) @ self.columns.T / self.columns.shape[1]

    def null(self) -> np.ndarray:
        """Intercepts (column,) of the model without features."""
        share = np.clip(self.y.mean(axis=1), 1e-5, 1 - 1e-5)
        return np.log(share / (1 - share)) if len(share) == 1 else np.log(share) - np.log(share).mean()


def fit_path(
    values: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    *,
    l1_ratio: float = 1.0,
    lambdas: np.ndarray | None = None,
    tolerance: float = 1e-11,
    most: int | None = None,
) -> Path:
    """Fit all penalties, each from the solution of the one before.

    Args:
        values: complete (sample, feature).
        codes: class of each sample, 0 .. n_classes - 1 (sample,).
        n_classes: classes.
        l1_ratio: share of the absolute penalty: 1 is LASSO, 0 ridge (glmnet's alpha).
        lambdas: penalties, falling; by default 100 from the least one that leaves no feature down to 0.0001 of it
            (0.01 with more features than samples), ending early where nothing is gained.
        tolerance: largest weighted squared change of a coefficient, as a share of the null deviance, at convergence.
        most: the path ends where this many features have been selected.
    """
    problem = _prepare(values, codes, n_classes)
    n_columns, p = len(problem.y), values.shape[1]
    beta = np.zeros((n_columns, p + 1))
    beta[:, -1] = problem.null()
    eta = np.repeat(beta[:, -1:], len(values), axis=1)
    null = max(_deviance(problem.y, eta), np.finfo(float).tiny)
    gradient = problem.gradient(eta)
    given = lambdas is not None
    steps = np.asarray(lambdas, float) if lambdas is not None else _lambdas(gradient, len(values), l1_ratio)
    last = max(float(np.abs(gradient).max(initial=0.0)) / max(l1_ratio, SMALLEST_MIX), float(steps[0]))
    ever = np.zeros((n_columns, p), dtype=bool)
    kept, explained = [], []
    for index, strength in enumerate(steps):
        members = ever | (np.abs(gradient) >= l1_ratio * (2 * strength - last))
        if index or given:  # else the penalty is by definition one that leaves nothing
            penalty = strength * np.array([l1_ratio, 1 - l1_ratio])
            gradient = _solve(problem, members, beta, eta, penalty, tolerance * max(null, 1e-3))
        ever |= beta[:, :-1] != 0
        last = strength
        kept.append(beta.copy())
        explained.append(1 - _deviance(problem.y, eta) / null)
        if most is not None and ever.any(axis=0).sum() >= most:
            break
        if not given and explained[-1] > NEARLY_ALL:
            break
        if not given and index >= FIRST_STEPS and explained[-1] - explained[-2] < LEAST_GAIN:
            break
    return _raw(problem, np.stack(kept), steps[: len(kept)], np.asarray(explained))


def first_penalty(values: np.ndarray, codes: np.ndarray, n_classes: int, *, l1_ratio: float = 1.0) -> float:
    """The least penalty that leaves no feature."""
    problem = _prepare(values, codes, n_classes)
    eta = np.repeat(problem.null()[:, None], len(values), axis=1)
    return float(_lambdas(problem.gradient(eta), len(values), l1_ratio)[0])


def penalties_down_to(strength: float, first: float) -> np.ndarray:
    """A falling series from `first` to `strength`, in steps of the default path, so that each fit starts near its end.

    A `strength` above `first` stands alone.
    """
    if strength >= first:
        return np.array([strength])
    between = np.geomspace(first, strength, max(int(np.ceil(10 * np.log(first / strength))), 1) + 1)
    return between[1:] if len(between) > 2 else between[-1:]


def order_of_entry(path: Path) -> np.ndarray:
    """Features that were ever selected, first come first; among those of one step the larger coefficient first."""
    size = np.abs(path.coefficients).max(axis=1)  # (step, feature)
    entered = np.flatnonzero((size > 0).any(axis=0))
    step = (size[:, entered] > 0).argmax(axis=0)
    return entered[np.lexsort((-size[step, entered], step))]


def _prepare(values: np.ndarray, codes: np.ndarray, n_classes: int) -> _Problem:
    mean = values.mean(axis=0)
    centred = values - mean
    sd = np.sqrt((centred**2).mean(axis=0))
    sd = np.where(sd > 1e-13 * np.abs(values).max(axis=0, initial=0.0), sd, 0.0)
    gain = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    one_hot = np.ascontiguousarray(np.eye(n_classes)[:, codes])
    return _Problem(np.ascontiguousarray((centred * gain).T), one_hot[1:] if n_classes == 2 else one_hot, mean, gain)


def _lambdas(gradient: np.ndarray, n: int, l1_ratio: float) -> np.ndarray:
    largest = float(np.abs(gradient).max(initial=0.0)) / max(l1_ratio, SMALLEST_MIX)
    largest = largest if largest > 0 else 1.0
    return np.geomspace(largest, largest * (1e-2 if n < gradient.shape[1] else 1e-4), STEPS)


def _solve(
    problem: _Problem,
    members: np.ndarray,
    beta: np.ndarray,
    eta: np.ndarray,
    penalty: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Minimise at one penalty, in place; the gradient there, at which no feature left out wants to come in."""
    lone = np.zeros(eta.shape[1])
    while True:
        chosen = [np.flatnonzero(row) for row in members]
        for _ in range(_CYCLES):
            change = 0.0
            for k, y in enumerate(problem.y):
                offset = lone if len(eta) == 1 else -_log_sum(np.delete(eta, k, axis=0))
                moved = solve_logistic(problem.columns, y, offset, chosen[k], beta[k], eta[k], penalty, tolerance)
                change = max(change, moved)
            if len(eta) == 1 or change < tolerance:
                break
        gradient = problem.gradient(eta)
        missed = (np.abs(gradient) > penalty[0] + 1e-12) & ~members
        if not missed.any():
            return gradient
        members |= missed


def _raw(problem: _Problem, beta: np.ndarray, lambdas: np.ndarray, explained: np.ndarray) -> Path:
    coefficients = beta[:, :, :-1] * problem.sd
    intercepts = beta[:, :, -1] - coefficients @ problem.mean
    return Path(lambdas, coefficients, intercepts, explained)


def _log_sum(scores: np.ndarray) -> np.ndarray:
    top = scores.max(axis=0)
    return top + np.log(np.exp(scores - top).sum(axis=0))


def _fitted(eta: np.ndarray) -> np.ndarray:
    """Probabilities (column, sample)."""
    if len(eta) == 1:
        return 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
    return np.exp(eta - _log_sum(eta))


def _deviance(y: np.ndarray, eta: np.ndarray) -> float:
    """Mean deviance of one-hot classes (column, sample)."""
    total = np.logaddexp(0.0, eta[0]) if len(eta) == 1 else _log_sum(eta)
    return float(2 * (total - (y * eta).sum(axis=0)).mean())


def class_probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores (..., column) to probabilities (..., class)."""
    if scores.shape[-1] == 1:
        second = 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
        return np.concatenate([1 - second, second], axis=-1)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
