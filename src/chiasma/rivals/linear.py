"""Penalised linear models for all targets, on anything that can be multiplied: the engine of most rivals.

Ridge penalties are minimised by L-BFGS on the exact objective, LASSO by accelerated proximal steps (Beck & Teboulle
2009) whose momentum begins anew where it leads uphill (O'Donoghue & Candes 2015); both are deterministic. The objective
is mean loss + strength * penalty, the intercept free; the loss is logistic, softmax, logistic per label, or squared
error on standardised tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.dataset import Target


class Design(Protocol):
    """Features of examples, never necessarily held: only products with them are asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """Examples and features."""
        ...

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Features @ weights: (feature, output) to (example, output)."""
        ...

    def transposed_times(self, residual: np.ndarray) -> np.ndarray:
        """Features.T @ residual: (example, output) to (feature, output)."""
        ...

    def take(self, index: np.ndarray) -> Design:
        """Some examples."""
        ...


class Held:
    """A design that is a numpy array or a scipy CSR matrix (example, feature)."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self._transposed = values.T.tocsr() if hasattr(values, "tocsr") else values.T

    @property
    def shape(self) -> tuple[int, int]:
        """Examples and features."""
        return self.values.shape

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Features @ weights."""
        return np.asarray(self.values @ weights)

    def transposed_times(self, residual: np.ndarray) -> np.ndarray:
        """Features.T @ residual."""
        return np.asarray(self._transposed @ residual)

    def take(self, index: np.ndarray) -> Held:
        """Some examples."""
        return Held(self.values[index])


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A fitted linear model.

    Attributes:
        kind: of the target.
        weights: (feature, column); one column for binary.
        intercept: (column,).
        strength: the penalty used.
        names: outputs, in order.
    """

    kind: str
    weights: np.ndarray
    intercept: np.ndarray
    strength: float
    names: tuple[str, ...]

    def predict(self, design: Design) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        return to_outputs(self.kind, design.times(self.weights) + self.intercept)


def to_outputs(kind: str, raw: np.ndarray) -> np.ndarray:
    """Logits (example, column) as probabilities (example, output); track values unchanged."""
    from scipy.special import expit, softmax

    if kind == "regression":
        return raw
    if kind == "multiclass":
        return softmax(raw, axis=1)
    p = expit(raw)
    return np.column_stack([1 - p[:, 0], p[:, 0]]) if kind == "binary" else p


@dataclass(frozen=True, eq=False)
class Problem:
    """Truth in the form the solvers want: y (example, column), the loss, and the scale of the tracks."""

    kind: str
    y: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, target: Target) -> Problem:
        """From a target; classes become 0/1 columns, tracks are standardised."""
        values = np.asarray(target.values)
        if target.kind == "multiclass":
            y = (values[:, None] == np.arange(target.n_outputs)).astype(float)
        else:
            y = values.astype(float).reshape(len(values), -1)
        centre, scale = np.zeros(y.shape[1]), np.ones(y.shape[1])
        if target.kind == "regression":
            centre, spread = y.mean(axis=0), y.std(axis=0)
            scale = np.where(spread > 0, spread, 1.0)
            y = (y - centre) / scale
        return cls(target.kind, y, centre, scale, target.names)

    def take(self, index: np.ndarray) -> Problem:
        """Some examples, the scale kept."""
        return Problem(self.kind, self.y[index], self.centre, self.scale, self.names)

    def loss(self, raw: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean loss at linear predictors (example, column), and its gradient by them."""
        from scipy.special import expit, log_softmax

        n = len(raw)
        if self.kind == "regression":
            gap = raw - self.y
            return float(0.5 * (gap**2).sum() / n), gap / n
        if self.kind == "multiclass":
            log_p = log_softmax(raw, axis=1)
            return float(-(self.y * log_p).sum() / n), (np.exp(log_p) - self.y) / n
        return float((np.logaddexp(0.0, raw) - self.y * raw).sum() / n), (expit(raw) - self.y) / n

    @property
    def curvature(self) -> float:
        """Largest second derivative of one example's loss by its predictor."""
        return {"regression": 1.0, "multiclass": 0.5}.get(self.kind, 0.25)

    def start(self) -> np.ndarray:
        """Intercept of the model without features (column,)."""
        share = np.clip(self.y.mean(axis=0), 1e-6, 1 - 1e-6)
        if self.kind == "regression":
            return np.zeros(self.y.shape[1])
        return np.log(share) if self.kind == "multiclass" else np.log(share / (1 - share))


Coefficients = tuple[np.ndarray, np.ndarray]


def fit_linear(
    design: Design,
    target: Target,
    unit: np.ndarray,
    *,
    strengths: Sequence[float],
    seed: int,
    lasso: bool = False,
    folds: int = 1,
) -> LinearFit:
    """Fit at the strength that predicts held-out units best, then to everything.

    Args:
        design: features.
        target: truth; not "none".
        unit: unit of each example, kept on one side of the inner division (example,).
        strengths: penalties tried; with one, nothing is held out.
        seed: of the inner division.
        lasso: penalise the sum of absolute weights instead of half their squares.
        folds: 1 holds out a tenth of the units; more is cross-validation.

    Raises:
        InsufficientDataError: there is no example.
    """
    if not design.shape[0]:
        raise InsufficientDataError("no example to fit to", got=0, expected="one or more")
    problem = Problem.of(target)
    path = sorted(strengths, reverse=True)
    solve = _lasso if lasso else _ridge
    best = 0
    if len(path) > 1:
        losses = np.zeros(len(path))
        for train, held in _divisions(unit, seed=seed, folds=folds):
            losses += _path_losses(design, problem, train, held, path=path, solve=solve)
        best = int(losses.argmin())
    weights, intercept = _zeros(design, problem)
    for strength in path[: best + 1] if lasso else path[best : best + 1]:
        weights, intercept = solve(design, problem, strength, (weights, intercept))
    return LinearFit(
        problem.kind, weights * problem.scale, intercept * problem.scale + problem.centre, path[best], problem.names
    )


def _path_losses(
    design: Design, problem: Problem, train: np.ndarray, held: np.ndarray, *, path: Sequence[float], solve: Any
) -> np.ndarray:
    """Held-out loss at each strength, each solution starting from the stronger penalty's."""
    inner, inner_problem = design.take(train), problem.take(train)
    outer, outer_problem = design.take(held), problem.take(held)
    current, losses = _zeros(inner, inner_problem), []
    for strength in path:
        current = solve(inner, inner_problem, strength, current)
        losses.append(outer_problem.loss(outer.times(current[0]) + current[1])[0] * len(held))
        if losses[-1] > 1.05 * min(losses):
            break
    return np.array(losses + [np.inf] * (len(path) - len(losses)))


def _divisions(unit: np.ndarray, *, seed: int, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train and held-out examples of each fold, units whole."""
    names, member = np.unique(unit, return_inverse=True)
    if len(names) < 4:
        every = np.arange(len(unit))
        return [(every, every)]
    shuffled = generator(seed, "strength").permutation(len(names))
    count = 10 if folds == 1 else min(folds, len(names))
    fold = (shuffled % count)[member]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count if folds > 1 else 1)]


def _zeros(design: Design, problem: Problem) -> Coefficients:
    return np.zeros((design.shape[1], problem.y.shape[1])), problem.start()


def _ridge(design: Design, problem: Problem, strength: float, start: Coefficients) -> Coefficients:
    """Minimise mean loss + strength / 2 * sum of squared weights."""
    from scipy.optimize import minimize

    shape = start[0].shape
    cut = shape[0] * shape[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat[:cut].reshape(shape)
        value, slope = problem.loss(design.times(weights) + flat[cut:])
        gradient = np.concatenate([(design.transposed_times(slope) + strength * weights).ravel(), slope.sum(axis=0)])
        return value + 0.5 * strength * float((weights**2).sum()), gradient

    first = np.concatenate([start[0].ravel(), start[1]])
    found = minimize(
        objective, first, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-6, "gtol": 1e-6}
    )
    return found.x[:cut].reshape(shape), found.x[cut:]


def _lasso(design: Design, problem: Problem, strength: float, start: Coefficients) -> Coefficients:
    """Minimise mean loss + strength * sum of absolute weights."""
    weights, intercept = start
    step = 1.0 / (problem.curvature * (_largest_eigenvalue(design) / design.shape[0] + 1.0))
    ahead, ahead_intercept, momentum = weights, intercept, 1.0
    for _ in range(2000):
        _, slope = problem.loss(design.times(ahead) + ahead_intercept)
        moved = ahead - step * design.transposed_times(slope)
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * strength, 0.0)
        new_intercept = ahead_intercept - step * slope.sum(axis=0)
        change = max(np.abs(new - weights).max(initial=0.0), np.abs(new_intercept - intercept).max())
        uphill = ((ahead - new) * (new - weights)).sum()
        if uphill + ((ahead_intercept - new_intercept) * (new_intercept - intercept)).sum() > 0:
            momentum = 1.0
        later = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        pull = (momentum - 1) / later
        ahead, ahead_intercept = new + pull * (new - weights), new_intercept + pull * (new_intercept - intercept)
        weights, intercept, momentum = new, new_intercept, later
        if change < 1e-5:
            break
    return weights, intercept


def _largest_eigenvalue(design: Design) -> float:
    """Largest eigenvalue of features.T @ features, by power iteration, a little on the safe side."""
    vector = np.ones((design.shape[1], 1)) / np.sqrt(max(design.shape[1], 1))
    value = 0.0
    for _ in range(50):
        product = design.transposed_times(design.times(vector))
        value = float(np.linalg.norm(product))
        if value == 0:
            return 0.0
        vector = product / value
    return 1.1 * value


def least_strength(design: Design, target: Target) -> float:
    """The smallest LASSO penalty at which every weight is zero."""
    problem = Problem.of(target)
    _, slope = problem.loss(np.broadcast_to(problem.start(), problem.y.shape))
    return float(np.abs(design.transposed_times(slope)).max())
