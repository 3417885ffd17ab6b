"""Elastic-net regression of a quantity along a path of penalties, and its penalty by cross-validation.

As glmnet lays it out (Friedman et al. 2010): features divided by their standard deviation with 1/n, the intercept free,
the objective 1/(2n) |y - Xb|^2 + lambda (a |b| + (1 - a)/2 b^2), only features that the sequential strong rule
(Tibshirani et al. 2012) lets in visited and the rest checked. With a = 0.5 on the genotypes near a gene this is the
predictor of PrediXcan (Gamazon et al. 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from chiasma.core.rng import generator

STEPS = 100
NEARLY_ALL = 0.999
"""Share of the variance explained at which a path ends."""
LEAST_GAIN = 1e-5
"""Gain in that share below which a path ends."""
_FIRST_STEPS = 5
_SWEEPS = 10_000


@dataclass(frozen=True, eq=False)
class GaussianPath:
    """Models along the path, strongest penalty first: lambdas (step,), coefficients (step, feature), intercepts."""

    lambdas: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predictions (step, sample) of samples (sample, feature)."""
        return self.coefficients @ values.T + self.intercepts[:, None]


@dataclass(frozen=True, eq=False)
class ChosenNet:
    """The model of the penalty with the least held-out error: coefficients (feature,), intercept, and that error."""

    coefficients: np.ndarray
    intercept: float
    penalty: float
    error: float

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predictions (sample,) of samples (sample, feature)."""
        return values @ self.coefficients + self.intercept


def fit_gaussian_path(
    values: np.ndarray,
    y: np.ndarray,
    *,
    l1_ratio: float = 0.5,
    lambdas: np.ndarray | None = None,
    tolerance: float = 1e-7,
) -> GaussianPath:
    """Fit all penalties, each from the solution of the one before.

    Args:
        values: complete (sample, feature).
        y: (sample,).
        l1_ratio: share of the absolute penalty, above 0.
        lambdas: penalties, falling; by default 100 from the least that leaves no feature down to 0.0001 of it (0.01
            with more features than samples), ending early where nothing is gained.
        tolerance: largest squared change of a coefficient, as a share of the variance of y, at convergence.
    """
    n, p = values.shape
    mean, sd = values.mean(axis=0), values.std(axis=0)
    gain = np.divide(1.0, sd, out=np.zeros(p), where=sd > 1e-12)
    columns = np.ascontiguousarray(((values - mean) * gain).T)
    residual = y - y.mean()
    null = float(residual @ residual / n)
    gradient = columns @ residual / n
    given = lambdas is not None
    first = float(np.abs(gradient).max(initial=0.0)) / l1_ratio
    steps = np.geomspace(first, first * (1e-2 if n < p else 1e-4), STEPS) if first > 0 else np.array([1.0])
    steps = steps if lambdas is None else np.asarray(lambdas, float)
    beta, kept, explained = np.zeros(p), [], [0.0]
    last = max(first, float(steps[0]))
    for index, strength in enumerate(steps):
        members = (beta != 0) | (np.abs(gradient) >= l1_ratio * (2 * strength - last))
        if index or given:  # else the penalty is by definition one that leaves nothing
            gradient = _solve(columns, residual, beta, members, strength, l1_ratio, tolerance * max(null, 1e-300))
        last = strength
        kept.append(beta.copy())
        explained.append(1 - float(residual @ residual / n) / null if null > 0 else 0.0)
        done = explained[-1] > NEARLY_ALL or (index >= _FIRST_STEPS and explained[-1] - explained[-2] < LEAST_GAIN)
        if done and not given:
            break
    coefficients = np.array(kept) * gain
    return GaussianPath(steps[: len(kept)], coefficients, y.mean() - coefficients @ mean)


def choose_net(
    values: np.ndarray, y: np.ndarray, *, l1_ratio: float = 0.5, folds: int = 10, seed: int = 1
) -> ChosenNet:
    """Fit the path to all samples and keep the penalty of least held-out squared error; the strongest of equals.

    Args:
        values: complete (sample, feature).
        y: (sample,).
        l1_ratio: share of the absolute penalty.
        folds: of the cross-validation.
        seed: of the folds.
    """
    path = fit_gaussian_path(values, y, l1_ratio=l1_ratio)
    fold = generator(seed, "elastic-net-folds").permutation(np.arange(len(y)) % folds)
    error = np.zeros((len(path.lambdas), len(y)))
    for number in range(folds):
        held = fold == number
        inside = fit_gaussian_path(values[~held], y[~held], l1_ratio=l1_ratio, lambdas=path.lambdas)
        error[:, held] = (inside.predict(values[held]) - y[held]) ** 2
    mean = error.mean(axis=1)
    best = int(np.argmin(mean))
    return ChosenNet(
        path.coefficients[best], float(path.intercepts[best]), float(path.lambdas[best]), float(mean[best])
    )


def _solve(
    columns: np.ndarray,
    residual: np.ndarray,
    beta: np.ndarray,
    members: np.ndarray,
    strength: float,
    l1_ratio: float,
    tolerance: float,
) -> np.ndarray:
    """Minimise at one penalty, in place; the gradient there, at which no feature left out wants to come in."""
    while True:
        _descend(columns, residual, beta, np.flatnonzero(members), strength * l1_ratio, strength * (1 - l1_ratio),
                 tolerance)  # fmt: skip
        gradient = columns @ residual / columns.shape[1]
        missed = (np.abs(gradient) > strength * l1_ratio * (1 + 1e-9)) & ~members
        if not missed.any():
            return gradient
        members |= missed


@numba.njit(cache=True)
def _descend(columns, residual, beta, members, absolute, square, tolerance):
    """Coordinate descent: all members, then the active ones until they rest, then all again."""
    n = residual.size
    whole = True
    for _ in range(_SWEEPS):
        change = 0.0
        for j in members:
            old = beta[j]
            if not whole and old == 0.0:
                continue
            column = columns[j]
            pull = np.dot(residual, column) / n + old
            size = abs(pull) - absolute
            new = np.sign(pull) * size / (1.0 + square) if size > 0.0 else 0.0
            step = new - old
            if step != 0.0:
                beta[j] = new
                for i in range(n):
                    residual[i] -= step * column[i]
                change = max(change, step * step)
        if change < tolerance:
            if whole:
                return
            whole = True
        else:
            whole = False
