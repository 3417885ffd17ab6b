"""Coordinate ascent for multi-omics factor analysis from products instead of residuals.

Every update of the papers is a sum over samples or features of residuals that leave one factor out. With
B = Y'<Z> and G = <Z>'<Z> over the measured samples, the sum over samples for weight (d, k) is
tau_d (B_dk - sum_{j != k} G_kj <w_dj>): O(D K^2) instead of O(N D K^2), features with the same holes sharing one G.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chiasma.stats.mofa.kernels import quadratic_part, sweep_factors, sweep_weights
from chiasma.stats.mofa.nodes import (
    ALPHA_PRIOR,
    TAU_PRIOR,
    Beta,
    Factors,
    Gamma,
    Linear,
    Moments,
    Pattern,
    Precision,
    Weights,
)

_LOOP = 24
"""Up to so many patterns one product each, beyond all at once from the pairs of factors."""


def weighted_gram(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_i weight_pi r_ji r_ki of rows (factor, i) and weights (pattern, i) as (factor, factor, pattern)."""
    size = len(rows)
    if len(weights) <= _LOOP:
        return np.stack([(rows * weight) @ rows.T for weight in weights], axis=-1)
    first, second = np.triu_indices(size)
    pairs = (rows[first] * rows[second]) @ weights.T  # (pair, pattern)
    gram = np.empty((size, size, len(weights)))
    gram[first, second] = pairs
    gram[second, first] = pairs
    return gram


def gather_moments(factors: Factors, values: np.ndarray, precision: Precision, groups: Sequence[slice]) -> Moments:
    """The moments of the factors for values (sample, feature) that carry their weights."""
    mean, square = factors.mean, factors.square
    cross = np.stack([mean[:, group] @ values[group] for group in groups])
    gram = np.stack([weighted_gram(mean[:, group], precision.by_feature[:, group]) for group in groups])
    total = np.stack([square[:, group] @ precision.by_feature[:, group].T for group in groups])
    return Moments(cross, gram, total)


def update_weights(weights: Weights, moments: Moments, precision: Precision, *, faithful: bool) -> Weights:
    """q(w, s) of one view, factor by factor (2018 appendix, section 3).

    With spike, q(w | s = 1) = N(u / v, 1 / v), q(w | s = 0) is the prior and
    logit q(s = 1) = <ln theta> - <ln (1 - theta)> + (<ln alpha> - ln v + u^2 / v) / 2.

    Args:
        faithful: ln <alpha> in place of <ln alpha>, as the original has it: the bound may then fall a little.
    """
    alpha = weights.alpha.mean
    log_alpha = np.log(alpha) if faithful else weights.alpha.log_mean
    odds = weights.theta.log_mean - weights.theta.log_rest + 0.5 * log_alpha
    mean = weights.mean.copy()
    given, variance, inclusion = sweep_weights(
        mean,
        np.einsum("gd,gkd->kd", precision.scale, moments.cross),
        precision.scale,
        moments.gram,
        moments.square,
        _index(precision.feature_pattern, moments),
        np.stack([alpha, np.full_like(odds, np.inf) if weights.inclusion is None else odds]),
    )
    second = given**2 + variance
    if weights.inclusion is None:
        return replace(weights, mean=mean, square=second, slab=second, variance=variance)
    square = inclusion * second
    slab = square + (1 - inclusion) / alpha[:, None]
    return replace(
        weights,
        mean=mean,
        square=square,
        slab=slab,
        variance=variance,
        spike_variance=1 / alpha,
        inclusion=inclusion,
    )


def update_relevance(weights: Weights, *, sparsity: bool) -> Weights:
    """q(alpha), and q(theta) where sparsity is learnt."""
    n_features = weights.mean.shape[1]
    shape = np.full(len(weights.mean), ALPHA_PRIOR[0] + n_features / 2)
    alpha = Gamma(shape, ALPHA_PRIOR[1] + 0.5 * weights.slab.sum(axis=1))
    theta = weights.theta
    if weights.inclusion is not None and sparsity:
        inside = weights.inclusion.sum(axis=1)
        theta = Beta(1 + inside, 1 + n_features - inside)
    return replace(weights, alpha=alpha, theta=theta)


@dataclass(frozen=True, eq=False)
class JointPatterns:
    """Samples that share group and holes in every view.

    Attributes:
        of_sample: (sample,).
        group: of each pattern (pattern,).
        rows: for each view, row of its `by_sample` (pattern,).
    """

    of_sample: np.ndarray
    group: np.ndarray
    rows: tuple[np.ndarray, ...]


def join_patterns(precisions: Sequence[Precision], groups: Sequence[slice]) -> JointPatterns:
    """Find the samples that share their group and every view's pattern."""
    group = np.concatenate([np.full(one.stop - one.start, code) for code, one in enumerate(groups)])
    table = np.stack([group, *(precision.sample_pattern for precision in precisions)])
    distinct, of_sample = np.unique(table, axis=1, return_inverse=True)
    return JointPatterns(of_sample.ravel(), distinct[0], tuple(distinct[1:]))


def weight_grams(
    weights: Sequence[Linear], precisions: Sequence[Precision], joint: JointPatterns
) -> tuple[np.ndarray, np.ndarray]:
    """sum_md tau <w_j> <w_k> (factor, factor, pattern) and sum_md tau <w_k^2> (factor, pattern)."""
    size = len(weights[0].mean)
    gram, square = np.zeros((size, size, len(joint.group))), np.zeros((size, len(joint.group)))
    for one, precision, rows in zip(weights, precisions, joint.rows, strict=True):
        pairs, place = np.unique(np.stack([joint.group, rows]), axis=1, return_inverse=True)
        tau = precision.scale[pairs[0]] * precision.by_sample[pairs[1]]  # (pair, feature)
        gram += weighted_gram(one.mean, tau)[:, :, place.ravel()]
        square += (one.square @ tau.T)[:, place.ravel()]
    return gram, square


def weight_pull(
    weights: Sequence[Linear], values: Sequence[np.ndarray], precisions: Sequence[Precision], groups: Sequence[slice]
) -> np.ndarray:
    """sum_md tau <w_dk> y_nd (factor, sample) for values that carry their weights."""
    pull = np.empty((len(weights[0].mean), len(values[0])))
    for code, group in enumerate(groups):
        parts = [
            (one.mean * precision.scale[code]) @ block[group].T
            for one, block, precision in zip(weights, values, precisions, strict=True)
        ]
        pull[:, group] = sum(parts)
    return pull


def update_factors(
    factors: Factors, pull: np.ndarray, gram: np.ndarray, square: np.ndarray, joint: JointPatterns
) -> Factors:
    """q(z), factor by factor, from `weight_pull` and `weight_grams`."""
    mean = factors.mean.copy()
    precision = factors.prior(joint.group.max() + 1)[joint.group].T + square  # (factor, pattern)
    variance = (1 / precision)[:, joint.of_sample]
    sweep_factors(mean, variance, pull, gram, joint.of_sample)
    return replace(factors, mean=mean, variance=variance)


def update_factor_relevance(factors: Factors, groups: Sequence[slice]) -> Factors:
    """q(alpha) of the factors by group, where it is learnt."""
    if factors.alpha is None:
        return factors
    square = factors.square
    shape = np.array([[ALPHA_PRIOR[0] + (group.stop - group.start) / 2] * len(square) for group in groups])
    rate = np.stack([ALPHA_PRIOR[1] + 0.5 * square[:, group].sum(axis=1) for group in groups])
    return replace(factors, alpha=Gamma(shape, rate))


def squared_residuals(weights: Weights, moments: Moments, pattern: Pattern, total: np.ndarray) -> np.ndarray:
    """Expected sum over samples of weight (y - sum_k z w)^2 (group, feature), given that of weight y^2."""
    index = _index(pattern, moments)
    whole = quadratic_part(weights.mean, weights.square, moments.gram, moments.square, index)
    return total - 2 * np.einsum("gkd,kd->gd", moments.cross, weights.mean) + whole


def update_noise(residual: np.ndarray, counts: np.ndarray) -> Gamma:
    """q(tau) by group and feature, from expected squared residuals and numbers of measured values."""
    return Gamma(TAU_PRIOR[0] + counts / 2, TAU_PRIOR[1] + 0.5 * residual)


def explained_squares(mean: np.ndarray, moments: Moments, pattern: Pattern, total: np.ndarray) -> np.ndarray:
    """Share of the sum of squares that each factor alone explains, and all together (group, factor + 1).

    1 - SS(y - z_k w_k) / SS(y) at the posterior means (factor, feature).
    """
    shares = np.empty((len(total), len(mean) + 1))
    for group, whole in enumerate(total.sum(axis=1)):
        gram = moments.gram[group]
        cross = (moments.cross[group] * mean).sum(axis=1)
        along = np.stack([_along(gram[k], mean, pattern) for k in range(len(mean))])
        own = np.array([(gram[k, k][pattern] * mean[k] ** 2).sum() for k in range(len(mean))])
        removed = np.append(2 * cross - own, 2 * cross.sum() - (along * mean).sum())
        shares[group] = removed / whole if whole > 0 else 0.0
    return shares


def _index(pattern: Pattern, moments: Moments) -> np.ndarray:
    """The pattern of each feature as a number (feature,)."""
    return np.arange(moments.gram.shape[-1])[pattern]


def _along(gram: np.ndarray, mean: np.ndarray, pattern: Pattern) -> np.ndarray:
    """sum_j gram_jp mean_ji (i,) with the pattern p of each i."""
    if gram.shape[1] == 1:
        return gram[:, 0] @ mean
    return np.einsum("ji,ji->i", gram[:, pattern], mean)
