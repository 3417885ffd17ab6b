"""Coordinate ascent of multi-omics factor analysis on tensors: gaussian views, samples measured whole or not at all.

The updates of chiasma.stats.mofa, in its order, each for all features or all samples at once and factor by factor.
Argelaguet et al. 2018 (doi 10.15252/msb.20178124), its appendix. Tensors have factors first
and share dtype and device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

ODDS_FLOOR = -700.0
"""Log-odds below which a feature is out of the slab: exp of more would leave the range of float64."""


@dataclass(frozen=True)
class AscentOptions:
    """What the sweep needs to know.

    Attributes:
        alpha_prior, tau_prior: shape and rate of the Gammas; the share of the slab has a flat prior.
        spike_slab: prior of the weights with a spike at 0.
        sparsity_from: iteration from which the share of features in the slab is learnt.
        group_relevance: learn the precision of the factors' prior by group.
        faithful: the original's update of q(s) and its bound of q(w, s).
    """

    alpha_prior: tuple[float, float]
    tau_prior: tuple[float, float]
    spike_slab: bool
    sparsity_from: int
    group_relevance: bool
    faithful: bool


@dataclass(frozen=True, eq=False)
class GammaTensor:
    """Independent Gamma variables by shape and rate."""

    shape: torch.Tensor
    rate: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        """<x>."""
        return self.shape / self.rate

    @property
    def log_mean(self) -> torch.Tensor:
        """<ln x>."""
        return torch.special.digamma(self.shape) - self.rate.log()

    def bound(self, prior: tuple[float, float]) -> torch.Tensor:
        """E[ln p(x)] - E[ln q(x)]."""
        a, b = prior
        log_p = a * math.log(b) - math.lgamma(a) + (a - 1) * self.log_mean - b * self.mean
        log_q = self.shape * self.rate.log() - torch.lgamma(self.shape) + (self.shape - 1) * self.log_mean
        return (log_p - log_q + self.rate * self.mean).sum()


class ViewAscent:
    """Weights and noise of one view, and the products of the factors that update them."""

    def __init__(self, values: torch.Tensor, present: torch.Tensor, groups: Sequence[slice], n_factors: int) -> None:
        """Begin with mean 0, variance 1 and all features in the slab.

        Args:
            values: centred, 0 for absent samples (sample, feature).
            present: 1 where the sample was measured in this view, else 0 (sample,).
            groups: samples of each group.
            n_factors: to begin with.
        """
        self.values, self.present, self.groups = values, present, groups
        ones = values.new_ones(n_factors, values.shape[1])
        per_factor = values.new_ones(n_factors)
        by_group = values.new_ones(len(groups), values.shape[1])
        self.mean, self.square, self.slab, self.variance = torch.zeros_like(ones), ones, ones, ones
        self.inclusion, self.spike_variance = ones, per_factor
        self.alpha, self.noise = GammaTensor(per_factor, per_factor), GammaTensor(by_group, by_group)
        self.yes, self.no = per_factor, per_factor
        self.total = torch.stack([(values[group] ** 2).sum(dim=0) for group in groups])  # (group, feature)
        self.counts = torch.stack([present[group].sum() for group in groups])[:, None].expand_as(by_group)
        self.cross, self.gram, self.second = self.total, self.total, self.total

    def gather(self, mean: torch.Tensor, second: torch.Tensor) -> None:
        """Products of the factors' moments (factor, sample) with the data and with each other, by group."""
        pieces = [(mean[:, group], self.present[group]) for group in self.groups]
        self.cross = torch.stack([mean[:, group] @ self.values[group] for group in self.groups])
        self.gram = torch.stack([(part * weight) @ part.T for part, weight in pieces])  # (group, factor, factor)
        self.second = torch.stack([second[:, group] @ self.present[group] for group in self.groups])  # (group, factor)

    def update_weights(self, options: AscentOptions) -> None:
        """q(w, s), factor by factor, all features at once."""
        alpha, tau = self.alpha.mean, self.noise.mean
        log_alpha = alpha.log() if options.faithful else self.alpha.log_mean
        odds = torch.special.digamma(self.yes) - torch.special.digamma(self.no) + 0.5 * log_alpha
        pull = torch.einsum("gd,gkd->kd", tau, self.cross)
        mean, given, variance = self.mean.clone(), torch.empty_like(pull), torch.empty_like(pull)
        inclusion = torch.ones_like(pull)
        for k in range(len(mean)):
            others = self.gram[:, k] @ mean - self.gram[:, k, k, None] * mean[k]  # (group, feature)
            v = alpha[k] + (tau * self.second[:, k, None]).sum(dim=0)
            u = pull[k] - (tau * others).sum(dim=0)
            given[k], variance[k] = u / v, 1 / v
            if options.spike_slab:
                chosen = odds[k] + 0.5 * (u * u / v - v.log())
                inclusion[k] = torch.where(chosen > ODDS_FLOOR, torch.sigmoid(chosen), 0.0)
            mean[k] = inclusion[k] * given[k]
        slab = given**2 + variance
        self.mean, self.variance, self.inclusion = mean, variance, inclusion
        self.square = inclusion * slab
        self.slab = self.square + (1 - inclusion) / alpha[:, None]
        self.spike_variance = 1 / alpha

    def update_relevance(self, options: AscentOptions, *, sparsity: bool) -> None:
        """q(alpha), and q(theta) where sparsity is learnt."""
        n_features = self.mean.shape[1]
        shape = torch.full_like(self.yes, options.alpha_prior[0] + n_features / 2)
        self.alpha = GammaTensor(shape, options.alpha_prior[1] + 0.5 * self.slab.sum(dim=1))
        if options.spike_slab and sparsity:
            inside = self.inclusion.sum(dim=1)
            self.yes, self.no = 1 + inside, 1 + n_features - inside

    def residual(self) -> torch.Tensor:
        """Expected squared residuals, summed over samples (group, feature)."""
        along = self.gram @ self.mean - torch.diagonal(self.gram, dim1=1, dim2=2)[:, :, None] * self.mean
        whole = (self.mean * along).sum(dim=1) + self.second @ self.square
        return self.total - 2 * (self.cross * self.mean).sum(dim=1) + whole

    def update_noise(self, prior: tuple[float, float]) -> None:
        """q(tau) by group and feature."""
        self.noise = GammaTensor(prior[0] + self.counts / 2, prior[1] + 0.5 * self.residual())

    def bound(self, options: AscentOptions) -> torch.Tensor:
        """The terms of the evidence lower bound that belong to this view."""
        tau = self.noise
        data = 0.5 * (self.counts * (tau.log_mean - math.log(2 * math.pi)) - tau.mean * self.residual()).sum()
        nodes = tau.bound(options.tau_prior) + self.alpha.bound(options.alpha_prior)
        prior = 0.5 * self.mean.shape[1] * self.alpha.log_mean.sum() - 0.5 * self.alpha.mean @ self.slab.sum(dim=1)
        prior = prior + 0.5 * self.mean.numel()
        if not options.spike_slab:
            return data + nodes + prior + 0.5 * self.variance.log().sum()
        q, rest = self.inclusion, 1 - self.inclusion
        spike = 1 / self.alpha.mean if options.faithful else self.spike_variance
        entropy = 0.5 * (q * self.variance.log()).sum() + 0.5 * rest.sum(dim=1) @ spike.log()
        entropy = entropy - torch.special.xlogy(q, q).sum() - torch.special.xlogy(rest, rest).sum()
        both = torch.special.digamma(self.yes + self.no)
        log_yes, log_no = torch.special.digamma(self.yes) - both, torch.special.digamma(self.no) - both
        chosen = q.sum(dim=1) @ log_yes + rest.sum(dim=1) @ log_no
        beta = torch.lgamma(self.yes) + torch.lgamma(self.no) - torch.lgamma(self.yes + self.no)
        theta = ((1 - self.yes) * log_yes + (1 - self.no) * log_no + beta).sum()
        return data + nodes + prior + entropy + chosen + theta

    def explained(self) -> torch.Tensor:
        """Share of the sum of squares by factor alone, the last column by all (group, factor + 1)."""
        cross = (self.cross * self.mean).sum(dim=2)  # (group, factor)
        own = torch.diagonal(self.gram, dim1=1, dim2=2) * (self.mean**2).sum(dim=1)
        joint = 2 * cross.sum(dim=1) - ((self.gram @ self.mean) * self.mean).sum(dim=(1, 2))
        removed = torch.cat([2 * cross - own, joint[:, None]], dim=1)
        whole = self.total.sum(dim=1, keepdim=True)
        return torch.where(whole > 0, removed / whole, 0.0)

    def keep(self, index: torch.Tensor) -> None:
        """Keep some factors, in this order."""
        for name in ("mean", "square", "slab", "variance", "inclusion", "spike_variance", "yes", "no"):
            setattr(self, name, getattr(self, name)[index])
        self.alpha = GammaTensor(self.alpha.shape[index], self.alpha.rate[index])


class FactorAscent:
    """The state of a fit between two sweeps, on one device."""

    def __init__(
        self,
        values: Sequence[torch.Tensor],
        present: Sequence[torch.Tensor],
        groups: Sequence[slice],
        start: torch.Tensor,
        options: AscentOptions,
    ) -> None:
        """Begin with means `start` (factor, sample); values (sample, feature) and present (sample,) by view."""
        self.groups, self.options = tuple(groups), options
        self.mean, self.variance = start.clone(), torch.ones_like(start)
        self.views = [
            ViewAscent(block, here, self.groups, len(start)) for block, here in zip(values, present, strict=True)
        ]
        ones = start.new_ones(len(groups), len(start))
        self.alpha = GammaTensor(ones, ones) if options.group_relevance else None
        self.sizes = start.new_tensor([[group.stop - group.start] for group in groups])
        self._find_patterns(torch.stack(list(present)))
        self._gather()

    def sweep(self, iteration: int) -> None:
        """Update everything once: weights, their relevance, factors, theirs, noise."""
        for view in self.views:
            view.update_weights(self.options)
            view.update_relevance(self.options, sparsity=iteration >= self.options.sparsity_from)
        self._update_factors()
        if self.alpha is not None:
            a, b = self.options.alpha_prior
            shape = (a + self.sizes / 2).expand_as(self.alpha.shape)
            self.alpha = GammaTensor(shape, b + 0.5 * self._by_group(self.mean**2 + self.variance))
        self._renew()

    def bound(self) -> float:
        """The evidence lower bound."""
        entropy = 0.5 * self.variance.log().sum() + 0.5 * self.mean.numel()
        square = self._by_group(self.mean**2 + self.variance)
        if self.alpha is None:
            factors = entropy - 0.5 * square.sum()
        else:
            prior = 0.5 * (self.sizes * self.alpha.log_mean - self.alpha.mean * square).sum()
            factors = entropy + prior + self.alpha.bound(self.options.alpha_prior)
        return float(factors + sum(view.bound(self.options) for view in self.views))

    def keep(self, index: torch.Tensor) -> None:
        """Keep some factors, in this order."""
        self.mean, self.variance = self.mean[index], self.variance[index]
        if self.alpha is not None:
            self.alpha = GammaTensor(self.alpha.shape[:, index], self.alpha.rate[:, index])
        for view in self.views:
            view.keep(index)
        self._renew()

    def _find_patterns(self, present: torch.Tensor) -> None:
        """Samples that share group and measured views share the precision of their factors."""
        group = torch.cat([present.new_full((one.stop - one.start,), code) for code, one in enumerate(self.groups)])
        table, self.of_sample = torch.unique(torch.cat([group[None], present]), dim=1, return_inverse=True)
        self.group_of, self.measured = table[0].long(), table[1:]  # (pattern,), (view, pattern)

    def _update_factors(self) -> None:
        """q(z), factor by factor, all samples at once."""
        n_factors = len(self.mean)
        pull = torch.zeros_like(self.mean)
        gram = pull.new_zeros(n_factors, n_factors, len(self.group_of))
        prior = pull.new_ones(len(self.groups), n_factors) if self.alpha is None else self.alpha.mean
        precision = prior[self.group_of].T  # (factor, pattern)
        for view, measured in zip(self.views, self.measured, strict=True):
            tau = view.noise.mean
            for code, group in enumerate(self.groups):
                pull[:, group] += (view.mean * tau[code]) @ view.values[group].T
            products = torch.stack([(view.mean * row) @ view.mean.T for row in tau], dim=-1)  # (factor, factor, group)
            gram += products[:, :, self.group_of] * measured
            precision = precision + (view.square @ tau.T)[:, self.group_of] * measured
        self.variance = (1 / precision)[:, self.of_sample]
        mean = self.mean.clone()
        for k in range(n_factors):
            along = gram[k][:, self.of_sample]  # (factor, sample)
            others = (along * mean).sum(dim=0) - along[k] * mean[k]
            mean[k] = self.variance[k] * (pull[k] - others)
        self.mean = mean

    def _renew(self) -> None:
        self._gather()
        for view in self.views:
            view.update_noise(self.options.tau_prior)

    def _gather(self) -> None:
        square = self.mean**2 + self.variance
        for view in self.views:
            view.gather(self.mean, square)

    def _by_group(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over samples (group, factor)."""
        return torch.stack([values[:, group].sum(dim=1) for group in self.groups])
