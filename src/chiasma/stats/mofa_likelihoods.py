"""Bernoulli and Poisson values under multi-omics factor analysis, by quadratic bounds on their log-likelihood.

eta_nd = b_gd + sum_k z_nk w_dk with an intercept b by group and feature, which takes the place of centring. A bound that
is quadratic in eta is the log-likelihood of a gaussian pseudo-value with known precision, so that every gaussian update
holds. The intercept is the maximum of the bound under b ~ N(0, 10^2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, gammaln, logit

from chiasma.stats.mofa_nodes import Block, Factors, Precision, Weights, share_patterns

OFFSET_PRECISION = 1e-2
"""Of the intercepts' prior: what holds back a feature that is 0 (or 1) in all samples of a group."""
_LINEAR = -30.0
"""Below, softplus(x) is exp(x) to the last digit."""


@dataclass(frozen=True, eq=False)
class PseudoData:
    """Gaussian stand-in of a view.

    Attributes:
        values: pseudo-values less intercept, times weight (sample, feature).
        precision: of the pseudo-values; `scale * weight`.
        offset: intercepts (group, feature).
        total: sum over samples of weight times squared centred pseudo-value (group, feature).
    """

    values: np.ndarray
    precision: Precision
    offset: np.ndarray
    total: np.ndarray


def linear_moments(factors: Factors, weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of sum_k z_nk w_dk (sample, feature)."""
    mean = factors.mean.T @ weights.mean
    variance = factors.square.T @ weights.square - (factors.mean**2).T @ weights.mean**2
    return mean, np.maximum(variance, 0.0)


def softplus(x: np.ndarray) -> np.ndarray:
    """Rate of a Poisson value: ln(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def log_softplus(x: np.ndarray) -> np.ndarray:
    """ln of the rate, also where the rate is too small to be told from 0."""
    return np.where(x < _LINEAR, x, np.log(softplus(np.maximum(x, _LINEAR))))


def curvature(block: Block) -> np.ndarray:
    """kappa_d = 1/4 + 0.17 max_n y_nd, above the second derivative of the negative Poisson log-likelihood (feature,).

    Seeger and Bouchard 2012, section 3: softplus'' <= 1/4, (-ln softplus)'' <= 0.17.
    """
    return 0.25 + 0.17 * block.values.max(axis=0)


def start_offset(block: Block, groups: Sequence[slice]) -> np.ndarray:
    """Intercepts that fit the mean of each group, shrunken by half an observation (group, feature)."""
    counts = block.counts(groups)
    sums = np.stack([block.values[group].sum(axis=0) for group in groups])
    mean = (sums + 0.5) / (counts + 1)
    return logit(mean) if block.likelihood == "bernoulli" else mean + np.log(-np.expm1(-mean))


def refresh(
    block: Block, factors: Factors, weights: Weights, data: PseudoData, groups: Sequence[slice]
) -> tuple[float, PseudoData]:
    """The bound at the current posterior with its own parameters at their best, then pseudo-data for the next sweep."""
    linear, variance = linear_moments(factors, weights)
    if block.likelihood == "bernoulli":
        bound = _bernoulli_bound(block, linear, variance, data.offset, groups)
        fresh = _bernoulli(block, linear, variance, data.offset, groups)
    else:
        bound = _poisson_bound(block, linear, variance, data.offset, groups)
        fresh = _poisson(block, linear, data, groups)
    return bound - float(0.5 * OFFSET_PRECISION * (data.offset**2).sum()), fresh


def start_pseudo_data(
    block: Block, factors: Factors, weights: Weights, groups: Sequence[slice]
) -> tuple[float, PseudoData]:
    """The bound before the first sweep, and pseudo-data for it."""
    offset = start_offset(block, groups)
    scale = np.ones((len(groups), block.values.shape[1]))
    if block.likelihood == "poisson":
        scale = scale * curvature(block)
    precision = share_patterns(block, scale)
    return refresh(block, factors, weights, PseudoData(block.values, precision, offset, scale), groups)


def _bernoulli(
    block: Block, linear: np.ndarray, variance: np.ndarray, offset: np.ndarray, groups: Sequence[slice]
) -> PseudoData:
    """Jaakkola and Jordan 2000, eq. 12: weight 2 lambda(xi), pseudo-value (y - 1/2) / weight, xi^2 = <eta^2>."""
    spread = np.repeat(offset, _sizes(groups), axis=0)
    xi = np.sqrt((linear + spread) ** 2 + variance)
    weight = _two_lambda(xi) * block.mask
    target = (block.values - 0.5) * block.mask
    fresh = np.stack(
        [
            (target[group] - weight[group] * linear[group]).sum(axis=0) / (weight[group].sum(axis=0) + OFFSET_PRECISION)
            for group in groups
        ]
    )
    values = target - weight * np.repeat(fresh, _sizes(groups), axis=0)
    squares = np.divide(values**2, weight, out=np.zeros_like(values), where=weight > 0)
    features, samples = np.arange(values.shape[1]), np.arange(len(values))
    precision = Precision(weight.T, features, weight, samples, np.ones_like(offset))
    return PseudoData(values, precision, fresh, _sums(squares, groups))


def _bernoulli_bound(
    block: Block, linear: np.ndarray, variance: np.ndarray, offset: np.ndarray, groups: Sequence[slice]
) -> float:
    """sum of ln sigma(xi) - xi / 2 + (y - 1/2) <eta>; the quadratic term vanishes at xi^2 = <eta^2>."""
    eta = linear + np.repeat(offset, _sizes(groups), axis=0)
    xi = np.sqrt(eta**2 + variance)
    return float(((-softplus(-xi) - xi / 2 + (block.values - 0.5) * eta) * block.mask).sum())


def _poisson(block: Block, linear: np.ndarray, data: PseudoData, groups: Sequence[slice]) -> PseudoData:
    """Seeger and Bouchard 2012: pseudo-value zeta - f'(zeta) / kappa at zeta = <eta>."""
    sizes = _sizes(groups)
    eta = linear + np.repeat(data.offset, sizes, axis=0)
    rate = softplus(np.maximum(eta, _LINEAR))
    slope = expit(eta) - block.values * np.where(eta < _LINEAR, 1.0, expit(np.maximum(eta, _LINEAR)) / rate)
    kappa = data.precision.scale
    pseudo = eta - slope / np.repeat(kappa, sizes, axis=0)
    counts = block.counts(groups)
    fresh = kappa * _sums((pseudo - linear) * block.mask, groups) / (kappa * counts + OFFSET_PRECISION)
    values = (pseudo - np.repeat(fresh, sizes, axis=0)) * block.mask
    return replace(data, values=values, offset=fresh, total=_sums(values**2, groups))


def _poisson_bound(
    block: Block, linear: np.ndarray, variance: np.ndarray, offset: np.ndarray, groups: Sequence[slice]
) -> float:
    """sum of ln p(y | <eta>) - kappa var(eta) / 2."""
    eta = linear + np.repeat(offset, _sizes(groups), axis=0)
    log_p = block.values * log_softplus(eta) - softplus(eta) - gammaln(block.values + 1)
    return float(((log_p - 0.5 * curvature(block) * variance) * block.mask).sum())


def _two_lambda(xi: np.ndarray) -> np.ndarray:
    """2 lambda(xi) = tanh(xi / 2) / (2 xi), 1/4 at 0."""
    safe = np.maximum(xi, 1e-8)
    return np.tanh(safe / 2) / (2 * safe)


def _sizes(groups: Sequence[slice]) -> list[int]:
    return [group.stop - group.start for group in groups]


def _sums(values: np.ndarray, groups: Sequence[slice]) -> np.ndarray:
    """Sum over the samples of each group (group, feature)."""
    return np.stack([values[group].sum(axis=0) for group in groups])
