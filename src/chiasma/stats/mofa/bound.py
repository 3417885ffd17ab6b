"""The evidence lower bound of multi-omics factor analysis, term by term: E[ln p] - E[ln q] of each part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import xlogy

from chiasma.stats.mofa.nodes import ALPHA_PRIOR, Factors, Gamma, Weights


def gaussian_bound(tau: Gamma, counts: np.ndarray, residual: np.ndarray) -> float:
    """E[ln p(y)] = sum (<ln tau> - ln 2 pi - <tau> <(y - zw)^2>) / 2.

    Args:
        tau: precision of the noise (group, feature).
        counts: measured values (group, feature).
        residual: expected squared residuals, summed over samples (group, feature).
    """
    return float(0.5 * (counts * (tau.log_mean - np.log(2 * np.pi)) - tau.mean * residual).sum())


def weights_bound(weights: Weights, *, faithful: bool) -> float:
    """E[ln p(w, s)] - E[ln q(w, s)] of one view.

    Args:
        faithful: the variance of w given s = 0 follows alpha at once, as in the original, not at its next update.
    """
    n_features = weights.mean.shape[1]
    prior = 0.5 * n_features * weights.alpha.log_mean.sum() - 0.5 * (weights.alpha.mean @ weights.slab.sum(axis=1))
    half = 0.5 * weights.mean.size
    if weights.inclusion is None:
        return float(prior + half + 0.5 * np.log(weights.variance).sum())
    q, rest = weights.inclusion, 1 - weights.inclusion
    spike = 1 / weights.alpha.mean if faithful else weights.spike_variance
    entropy = 0.5 * (q * np.log(weights.variance)).sum() + 0.5 * (rest.sum(axis=1) @ np.log(spike))
    chosen = q.sum(axis=1) @ weights.theta.log_mean + rest.sum(axis=1) @ weights.theta.log_rest
    return float(prior + half + entropy + chosen - xlogy(q, q).sum() - xlogy(rest, rest).sum())


def factors_bound(factors: Factors, groups: Sequence[slice]) -> float:
    """E[ln p(z)] - E[ln q(z)], with that of the learnt relevance."""
    entropy = 0.5 * np.log(factors.variance).sum() + 0.5 * factors.mean.size
    if factors.alpha is None:
        return float(entropy - 0.5 * factors.square.sum())
    square = np.stack([factors.square[:, group].sum(axis=1) for group in groups])
    sizes = np.array([[group.stop - group.start] for group in groups])
    prior = 0.5 * (sizes * factors.alpha.log_mean - factors.alpha.mean * square).sum()
    return float(prior + entropy + factors.alpha.bound(ALPHA_PRIOR))
