"""Bernoulli and Poisson values under multi-omics factor analysis, by quadratic bounds on their log-likelihood.

eta_nd = b_gd + sum_k z_nk w_dk with an intercept b by group and feature, which takes the place of centring. A bound
that is quadratic in eta is the log-likelihood of a gaussian pseudo-value with known precision, so that every gaussian
update holds. The intercept is the maximum of the bound under b ~ N(0, 10^2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, logit

from chiasma.stats.mofa.nodes import Block, Factors, Linear, Precision, share_patterns

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


def linear_moments(factors: Factors, weights: Linear) -> tuple[np.ndarray, np.ndarray]:
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
    block: Block,
    factors: Factors,
    weights: Linear,
    data: PseudoData,
    groups: Sequence[slice],
    *,
    fixed: bool = False,
) -> tuple[float, PseudoData]:
    """The bound at the current posterior with its own parameters at their best, then pseudo-data for the next sweep.

    Args:
        fixed: leave the intercepts as they are.
    """
    linear, variance = linear_moments(factors, weights)
    sizes = [group.stop - group.start for group in groups]
    eta = linear + np.repeat(data.offset, sizes, axis=0)
    if block.likelihood == "bernoulli":
        bound = _bernoulli_bound(block, eta, variance)
        weight = two_lambda(np.sqrt(eta**2 + variance)) * block.mask  # (sample, feature)
        target = (block.values - 0.5) * block.mask  # weight times pseudo-value
        precision = Precision(weight.T, slice(None), weight, np.arange(len(weight)), data.precision.scale)
        total_weight = _sums(weight, groups)
    else:
        kappa = data.precision.scale  # (group, feature)
        bound = _poisson_bound(block, eta, variance, kappa[0])
        weight, precision = np.broadcast_to(block.mask, eta.shape), data.precision
        target = (eta - _poisson_slope(block, eta) / kappa[0]) * weight
        total_weight = kappa * block.counts(groups)
    offset = data.offset
    if not fixed:
        gap = precision.scale * _sums(target - weight * linear, groups)
        offset = gap / (total_weight + OFFSET_PRECISION)
    values = target - weight * np.repeat(offset, sizes, axis=0)
    squares = np.divide(values**2, weight, out=np.zeros_like(values), where=weight > 0)
    bound -= float(0.5 * OFFSET_PRECISION * (data.offset**2).sum())
    return bound, PseudoData(values, precision, offset, _sums(squares, groups))


def start_pseudo_data(block: Block, offset: np.ndarray, kappa: np.ndarray | None) -> PseudoData:
    """What `refresh` begins with, given intercepts (group, feature) and the curvature of a Poisson view (feature,)."""
    scale = np.ones_like(offset) * (1.0 if kappa is None else kappa)
    return PseudoData(block.values, share_patterns(block, scale), offset, scale)


def _bernoulli_bound(block: Block, eta: np.ndarray, variance: np.ndarray) -> float:
    """Jaakkola and Jordan 2000, eq. 12 at xi^2 = <eta^2>: sum of ln sigma(xi) - xi / 2 + (y - 1/2) <eta>."""
    xi = np.sqrt(eta**2 + variance)
    return float(((-softplus(-xi) - xi / 2 + (block.values - 0.5) * eta) * block.mask).sum())


def _poisson_bound(block: Block, eta: np.ndarray, variance: np.ndarray, kappa: np.ndarray) -> float:
    """Seeger and Bouchard 2012 at zeta = <eta>: sum of ln p(y | <eta>) - kappa var(eta) / 2."""
    log_p = block.values * log_softplus(eta) - softplus(eta) - gammaln(block.values + 1)
    return float(((log_p - 0.5 * kappa * variance) * block.mask).sum())


def _poisson_slope(block: Block, eta: np.ndarray) -> np.ndarray:
    """Derivative of the negative Poisson log-likelihood in eta (sample, feature)."""
    near = np.maximum(eta, _LINEAR)
    ratio = np.where(eta < _LINEAR, 1.0, expit(near) / softplus(near))
    return expit(eta) - block.values * ratio


def two_lambda(xi: np.ndarray) -> np.ndarray:
    """2 lambda(xi) = tanh(xi / 2) / (2 xi), 1/4 at 0."""
    safe = np.maximum(xi, 1e-8)
    return np.tanh(safe / 2) / (2 * safe)


def _sums(values: np.ndarray, groups: Sequence[slice]) -> np.ndarray:
    """Sum over the samples of each group (group, feature)."""
    return np.stack([values[group].sum(axis=0) for group in groups])
