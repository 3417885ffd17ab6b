"""The parts of multi-omics factor analysis: data as its inference sees them, and the factors of its posterior.

Argelaguet et al. 2018 (doi 10.15252/msb.20178124), its appendix, and Argelaguet et al. 2020 (doi
10.1186/s13059-020-02015-1). In each view m, a value of sample n (in group g) and feature d is

    y_nd = sum_k z_nk s_dk w_dk + noise,    noise ~ N(0, 1 / tau_gd)
    z_nk ~ N(0, 1 / alpha_gk), alpha_gk = 1 unless relevance is learnt by group
    w_dk ~ N(0, 1 / alpha_k),  s_dk ~ Bernoulli(theta_k),  alpha, tau ~ Gamma,  theta ~ Beta

Arrays have factors first, so that one factor is contiguous: (factor, sample), (factor, feature).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
from scipy.special import betaln, digamma, gammaln

Likelihood = Literal["gaussian", "bernoulli", "poisson"]
Pattern = np.ndarray | slice
"""Index from features to the patterns they share."""

ALPHA_PRIOR = (1e-14, 1e-14)
TAU_PRIOR = (1e-3, 1e-3)
THETA_PRIOR = (1.0, 1.0)
"""Shape and rate of the Gammas, both counts of the Beta: the paper's uninformative ones."""


@dataclass(frozen=True, eq=False)
class Gamma:
    """Independent Gamma variables by shape and rate."""

    shape: np.ndarray
    rate: np.ndarray

    @classmethod
    def ones(cls, *size: int) -> Self:
        """The start: shape and rate 1."""
        return cls(np.ones(size), np.ones(size))

    @property
    def mean(self) -> np.ndarray:
        """<x>."""
        return self.shape / self.rate

    @property
    def log_mean(self) -> np.ndarray:
        """<ln x>."""
        return digamma(self.shape) - np.log(self.rate)

    def bound(self, prior: tuple[float, float]) -> float:
        """E[ln p(x)] - E[ln q(x)]."""
        a, b = prior
        log_p = a * np.log(b) - gammaln(a) + (a - 1) * self.log_mean - b * self.mean
        log_q = self.shape * np.log(self.rate) - gammaln(self.shape) + (self.shape - 1) * self.log_mean
        return float((log_p - log_q + self.rate * self.mean).sum())

    def take(self, index: np.ndarray) -> Self:
        """Some of the last axis."""
        return type(self)(self.shape[..., index], self.rate[..., index])


@dataclass(frozen=True, eq=False)
class Beta:
    """Independent Beta variables by their two counts (factor,)."""

    yes: np.ndarray
    no: np.ndarray

    @property
    def log_mean(self) -> np.ndarray:
        """<ln x>."""
        return digamma(self.yes) - digamma(self.yes + self.no)

    @property
    def log_rest(self) -> np.ndarray:
        """<ln (1 - x)>."""
        return digamma(self.no) - digamma(self.yes + self.no)

    def bound(self, prior: tuple[float, float]) -> float:
        """E[ln p(x)] - E[ln q(x)]."""
        slopes = (prior[0] - self.yes) * self.log_mean + (prior[1] - self.no) * self.log_rest
        return float((slopes - betaln(*prior) + betaln(self.yes, self.no)).sum())


@dataclass(frozen=True, eq=False)
class Block:
    """One view, samples in the order of their groups.

    Attributes:
        likelihood: of the values.
        values: holes are 0; gaussian ones are centred (sample, feature).
        observed: whether a value was measured (sample, feature); None if all were.
    """

    likelihood: Likelihood
    values: np.ndarray
    observed: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray | float:
        """1 where a value was measured, else 0."""
        return 1.0 if self.observed is None else self.observed

    def counts(self, groups: Sequence[slice]) -> np.ndarray:
        """Measured values (group, feature)."""
        if self.observed is None:
            return np.array([[group.stop - group.start] * self.values.shape[1] for group in groups], dtype=np.float64)
        return np.stack([self.observed[group].sum(axis=0, dtype=np.float64) for group in groups])


@dataclass(frozen=True, eq=False)
class Precision:
    """Precision of each value, scale_gd * weight_nd, with weights that many features or samples share.

    Attributes:
        by_feature: distinct columns of the weights (pattern, sample).
        feature_pattern: which of them a feature has (feature,); slice(None) where each has its own.
        by_sample: distinct rows of the weights (pattern, feature).
        sample_pattern: which of them a sample has (sample,).
        scale: tau of gaussian, kappa of Poisson values (group, feature).
    """

    by_feature: np.ndarray
    feature_pattern: Pattern
    by_sample: np.ndarray
    sample_pattern: np.ndarray
    scale: np.ndarray


class Linear(Protocol):
    """First and second moments of weights (factor, feature)."""

    @property
    def mean(self) -> np.ndarray:
        """<s w>."""

    @property
    def square(self) -> np.ndarray:
        """<(s w)^2>."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Posterior of one view's weights; without spike every feature is in the slab.

    Attributes:
        mean: <s w> (factor, feature).
        square: <(s w)^2> (factor, feature).
        slab: <w^2> (factor, feature).
        variance: of w given s = 1 (factor, feature).
        spike_variance: of w given s = 0, the prior's at the last update (factor,).
        inclusion: q(s = 1) (factor, feature), or None without spike.
        alpha: precision of the slab by factor.
        theta: probability of the slab by factor.
    """

    mean: np.ndarray
    square: np.ndarray
    slab: np.ndarray
    variance: np.ndarray
    spike_variance: np.ndarray
    inclusion: np.ndarray | None
    alpha: Gamma
    theta: Beta

    @classmethod
    def start(cls, n_factors: int, n_features: int, *, spike_slab: bool) -> Self:
        """Mean 0, variance 1, all in the slab."""
        size = (n_factors, n_features)
        ones = np.ones(size)
        inclusion = ones if spike_slab else None
        theta = Beta(np.ones(n_factors), np.ones(n_factors))
        return cls(np.zeros(size), ones, ones, ones, np.ones(n_factors), inclusion, Gamma.ones(n_factors), theta)

    def take(self, index: np.ndarray) -> Self:
        """Some factors."""
        inclusion = None if self.inclusion is None else self.inclusion[index]
        theta = Beta(self.theta.yes[index], self.theta.no[index])
        return type(self)(
            self.mean[index],
            self.square[index],
            self.slab[index],
            self.variance[index],
            self.spike_variance[index],
            inclusion,
            self.alpha.take(index),
            theta,
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """Posterior of the factors.

    Attributes:
        mean: <z> (factor, sample).
        variance: of z (factor, sample).
        alpha: precision of the prior by group and factor, or None where it is 1.
    """

    mean: np.ndarray
    variance: np.ndarray
    alpha: Gamma | None = None

    @property
    def square(self) -> np.ndarray:
        """<z^2> (factor, sample)."""
        return self.mean**2 + self.variance

    def take(self, index: np.ndarray) -> Self:
        """Some factors."""
        alpha = None if self.alpha is None else self.alpha.take(index)
        return type(self)(self.mean[index], self.variance[index], alpha)

    def prior(self, n_groups: int) -> np.ndarray:
        """Expected precision of the prior (group, factor)."""
        return np.ones((n_groups, len(self.mean))) if self.alpha is None else self.alpha.mean


@dataclass(frozen=True, eq=False)
class Moments:
    """What a block needs to know of the factors, by group: products that make every update cheap.

    Attributes:
        cross: sum_n weight_nd <z_nk> y_nd (group, factor, feature).
        gram: sum_n weight_nd <z_nj> <z_nk> (group, factor, factor, pattern).
        square: sum_n weight_nd <z_nk^2> (group, factor, pattern).
    """

    cross: np.ndarray
    gram: np.ndarray
    square: np.ndarray


def find_patterns(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of a boolean mask, as numbers, and which of them each row is."""
    packed = np.packbits(mask, axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return mask[first].astype(np.float64), inverse.ravel()


def share_patterns(block: Block, scale: np.ndarray) -> Precision:
    """The precision of a block whose weights are 1 where measured, 0 elsewhere."""
    n_samples, n_features = block.values.shape
    if block.observed is None:
        whole = np.zeros(n_features, dtype=np.intp), np.zeros(n_samples, dtype=np.intp)
        return Precision(np.ones((1, n_samples)), whole[0], np.ones((1, n_features)), whole[1], scale)
    by_feature, shared = find_patterns(block.observed.T)
    pattern: Pattern = shared
    if 2 * len(by_feature) > n_features:  # scattered holes: sharing would save less than looking up costs
        by_feature, pattern = block.observed.T.astype(np.float64), slice(None)
    return Precision(by_feature, pattern, *find_patterns(block.observed), scale)
