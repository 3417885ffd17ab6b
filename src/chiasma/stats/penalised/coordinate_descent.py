"""One penalised logistic regression by Newton steps, each solved by coordinate descent (Friedman et al. 2010)."""

from __future__ import annotations

import numba
import numpy as np

LEAST_WEIGHT = 1e-5
"""Floor of a sample's Newton weight p (1 - p): a bound on the step, without effect on where the descent ends."""
_NEWTON_STEPS = 100
_SWEEPS = 10_000


@numba.njit(cache=True)
def solve_logistic(
    columns: np.ndarray,
    y: np.ndarray,
    offset: np.ndarray,
    members: np.ndarray,
    beta: np.ndarray,
    eta: np.ndarray,
    penalty: np.ndarray,
    tolerance: float,
) -> float:
    """Minimise mean logistic loss + penalty[0] sum|b| + penalty[1] / 2 sum b^2 over the members, in place.

    Args:
        columns: standardised features (feature, sample).
        y: 0/1 (sample,).
        offset: added to the linear predictor, fixed (sample,).
        members: features that may be other than zero (member,).
        beta: coefficients (feature,), then the intercept; the start, changed in place.
        eta: linear predictor without the offset (sample,), in step with beta; changed in place.
        penalty: weights of the absolute and of half the squared coefficients (2,).
        tolerance: largest weighted squared change of a coefficient in the last Newton step.

    Returns:
        The largest weighted squared change over all Newton steps: 0 where the start was the end.
    """
    n = y.size
    largest = 0.0
    before, eta_before = beta.copy(), eta.copy()
    value = _objective(y, offset, eta, members, beta, penalty)
    weight, residual, curvature = np.empty(n), np.empty(n), np.empty(members.size)
    for _ in range(_NEWTON_STEPS):
        for i in range(n):
            p = 1.0 / (1.0 + np.exp(-(eta[i] + offset[i])))
            weight[i] = max(p * (1.0 - p), LEAST_WEIGHT)
            residual[i] = y[i] - p
        for index in range(members.size):
            column = columns[members[index]]
            curvature[index] = np.sum(weight * column * column) / n
        before[:], eta_before[:] = beta, eta
        _descend(columns, weight, residual, curvature, members, beta, eta, penalty, tolerance)
        value = _shorten(y, offset, members, beta, before, eta, eta_before, penalty, value)
        change = weight.mean() * (beta[-1] - before[-1]) ** 2
        for index in range(members.size):
            step = beta[members[index]] - before[members[index]]
            change = max(change, curvature[index] * step * step)
        largest = max(largest, change)
        if change < tolerance:
            break
    return largest


@numba.njit(cache=True)
def _descend(columns, weight, residual, curvature, members, beta, eta, penalty, tolerance):  # noqa: PLR0913
    """Coordinate descent on the quadratic of one Newton step: all members, then the active ones until they rest."""
    whole = True
    for _ in range(_SWEEPS):
        change = _sweep(columns, weight, residual, curvature, members, beta, eta, penalty, whole)
        if change < tolerance:
            if whole:
                return
            whole = True
        else:
            whole = False


@numba.njit(cache=True)
def _sweep(columns, weight, residual, curvature, members, beta, eta, penalty, whole):  # noqa: PLR0913
    n = weight.size
    total = np.sum(weight)
    step = np.sum(residual) / total
    beta[-1] += step
    for i in range(n):
        residual[i] -= weight[i] * step
        eta[i] += step
    change = step * step * total / n
    for index in range(members.size):
        j = members[index]
        old = beta[j]
        if not whole and old == 0.0:
            continue
        column = columns[j]
        pull = np.dot(residual, column) / n + curvature[index] * old
        size = abs(pull) - penalty[0]
        new = 0.0
        if size > 0.0:
            new = np.sign(pull) * size / (curvature[index] + penalty[1])
        step = new - old
        if step != 0.0:
            beta[j] = new
            for i in range(n):
                moved = step * column[i]
                residual[i] -= weight[i] * moved
                eta[i] += moved
            change = max(change, curvature[index] * step * step)
    return change


@numba.njit(cache=True)
def _objective(y, offset, eta, members, beta, penalty):
    loss = 0.0
    for i in range(y.size):
        score = eta[i] + offset[i]
        loss += max(score, 0.0) + np.log1p(np.exp(-abs(score))) - y[i] * score
    loss /= y.size
    for j in members:
        loss += penalty[0] * abs(beta[j]) + 0.5 * penalty[1] * beta[j] ** 2
    return loss


@numba.njit(cache=True)
def _shorten(y, offset, members, beta, before, eta, eta_before, penalty, value):  # noqa: PLR0913
    """Halve a Newton step until the objective does not rise; the objective reached."""
    for _ in range(30):
        reached = _objective(y, offset, eta, members, beta, penalty)
        if reached <= value + 1e-14 * abs(value):
            return reached
        eta[:] = 0.5 * (eta + eta_before)
        beta[-1] = 0.5 * (beta[-1] + before[-1])
        for j in members:
            beta[j] = 0.5 * (beta[j] + before[j])
    return reached
