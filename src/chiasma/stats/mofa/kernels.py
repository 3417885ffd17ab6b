"""Loops over features and samples of the updates in mofa_updates.py, compiled: one pass, no temporaries."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def sweep_weights(
    mean: np.ndarray,
    pull: np.ndarray,
    scale: np.ndarray,
    gram: np.ndarray,
    square: np.ndarray,
    pattern: np.ndarray,
    prior: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Update means of the weights in place, factor by factor; returns u / v, 1 / v and q(s = 1) (factor, feature).

    Args:
        mean: <s w> (factor, feature).
        pull: sum_g tau_gd B_gkd (factor, feature).
        scale: tau (group, feature).
        gram: moments of the factors (group, factor, factor, pattern).
        square: their second moments (group, factor, pattern).
        pattern: of each feature (feature,).
        prior: <alpha> in row 0; in row 1 the part of the log-odds that features share, infinite without a spike
            (2, factor).
    """
    n_groups, n_features = scale.shape
    n_factors = len(mean)
    given, variance, inclusion = np.empty_like(mean), np.empty_like(mean), np.empty_like(mean)
    own = np.empty(n_factors)
    for d in range(n_features):
        p = pattern[d]
        for k in range(n_factors):
            own[k] = mean[k, d]
        for k in range(n_factors):
            v, u = prior[0, k], pull[k, d]
            for g in range(n_groups):
                others = 0.0
                for j in range(n_factors):
                    others += gram[g, k, j, p] * own[j]
                others -= gram[g, k, k, p] * own[k]
                v += scale[g, d] * square[g, k, p]
                u -= scale[g, d] * others
            given[k, d], variance[k, d] = u / v, 1.0 / v
            odds = prior[1, k] + 0.5 * (u * u / v - np.log(v))
            inclusion[k, d] = 1.0 / (1.0 + np.exp(-odds)) if odds > -700.0 else 0.0
            own[k] = inclusion[k, d] * given[k, d]
            mean[k, d] = own[k]
    return given, variance, inclusion


@numba.njit(cache=True)
def sweep_factors(
    mean: np.ndarray, variance: np.ndarray, pull: np.ndarray, gram: np.ndarray, pattern: np.ndarray
) -> None:
    """Update means of the factors (factor, sample) in place, factor by factor, given their variance.

    Args:
        mean: <z> (factor, sample).
        variance: of z (factor, sample).
        pull: sum_md tau <w> y (factor, sample).
        gram: sum_md tau <w_j> <w_k> (factor, factor, pattern).
        pattern: of each sample (sample,).
    """
    n_factors, n_samples = mean.shape
    own = np.empty(n_factors)
    for n in range(n_samples):
        p = pattern[n]
        for k in range(n_factors):
            own[k] = mean[k, n]
        for k in range(n_factors):
            others = 0.0
            for j in range(n_factors):
                others += gram[k, j, p] * own[j]
            own[k] = variance[k, n] * (pull[k, n] - others + gram[k, k, p] * own[k])
            mean[k, n] = own[k]


@numba.njit(cache=True)
def quadratic_part(
    mean: np.ndarray, second: np.ndarray, gram: np.ndarray, square: np.ndarray, pattern: np.ndarray
) -> np.ndarray:
    """Expected sum over samples of weight (sum_k z_k w_k)^2 (group, feature).

    Args:
        mean: <w> (factor, feature).
        second: <w^2> (factor, feature).
        gram: moments of the factors (group, factor, factor, pattern).
        square: their second moments (group, factor, pattern).
        pattern: of each feature (feature,).
    """
    n_groups, n_factors = square.shape[:2]
    n_features = mean.shape[1]
    total = np.zeros((n_groups, n_features))
    own = np.empty(n_factors)
    for d in range(n_features):
        p = pattern[d]
        for k in range(n_factors):
            own[k] = mean[k, d]
        for g in range(n_groups):
            for k in range(n_factors):
                along = 0.0
                for j in range(n_factors):
                    along += gram[g, k, j, p] * own[j]
                total[g, d] += own[k] * (along - gram[g, k, k, p] * own[k]) + square[g, k, p] * second[k, d]
    return total
