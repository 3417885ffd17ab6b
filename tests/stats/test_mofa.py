"""Inference of multi-omics factor analysis: slow twins with residuals, the bound against integrals, and invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, stats
from scipy.special import digamma, expit

from chiasma.core.errors import RunError
from chiasma.stats.mofa.bound import factors_bound, weights_bound
from chiasma.stats.mofa.fit import Ascent, Rules, fit_factors
from chiasma.stats.mofa.likelihoods import curvature, log_softplus, refresh, softplus, start_pseudo_data, two_lambda
from chiasma.stats.mofa.nodes import Beta, Block, Factors, Gamma, Weights, find_patterns
from chiasma.stats.mofa.project import ViewModel, infer_factors
from chiasma.stats.mofa.start import principal_start
from chiasma.stats.mofa.updates import update_factors, weight_grams, weight_pull, weighted_gram

GROUPS = [slice(0, 14), slice(14, 24)]


def gaussian(random, *, width=7, holes=True, n=24) -> Block:
    values = random.standard_normal((n, 3)) @ random.standard_normal((3, width)) + random.standard_normal((n, width))
    observed = random.random((n, width)) > 0.15 if holes else None
    if observed is not None:
        observed[3:6] = False
        values = np.where(observed, values, 0.0)
    return Block("gaussian", values, observed)


def counts(random, likelihood, *, width=6, n=24) -> Block:
    eta = random.standard_normal((n, 2)) @ random.standard_normal((2, width))
    values = random.random((n, width)) < expit(eta) if likelihood == "bernoulli" else random.poisson(softplus(eta))
    observed = random.random((n, width)) > 0.1
    return Block(likelihood, np.where(observed, values.astype(np.float64), 0.0), observed)


class Residuals:
    """The updates as the papers write them, for gaussian views: residuals that leave one factor out, and loops."""

    def __init__(self, blocks, start, *, spike, relevance):
        self.blocks, self.spike, self.relevance = blocks, spike, relevance
        self.z, self.v = start.T.copy(), np.ones(start.T.shape)
        n_factors = len(start)
        shapes = [(block.values.shape[1], n_factors) for block in blocks]
        self.w, self.w2, self.slab = ([np.full(s, x) for s in shapes] for x in (0.0, 1.0, 1.0))
        self.q = [np.ones(s) for s in shapes]
        self.alpha = [(np.ones(n_factors), np.ones(n_factors)) for _ in blocks]
        self.theta = [(1.0 + np.zeros(n_factors), 1.0 + np.zeros(n_factors)) for _ in blocks]
        self.tau = [np.ones((len(GROUPS), s[0])) for s in shapes]
        self.az = np.ones((len(GROUPS), n_factors))

    def precision(self, m):
        tau = np.concatenate([np.repeat(self.tau[m][g][None], s.stop - s.start, 0) for g, s in enumerate(GROUPS)])
        return tau * self.blocks[m].mask

    def sweep(self, *, sparsity):
        self.sweep_weights(sparsity)
        self.sweep_samples()
        self.sweep_groups()

    def sweep_weights(self, sparsity):
        n_factors = self.z.shape[1]
        for m, block in enumerate(self.blocks):
            tau, (a, b), (yes, no) = self.precision(m), self.alpha[m], self.theta[m]
            for k in range(n_factors):
                for d in range(block.values.shape[1]):
                    rest = block.values[:, d] - np.delete(self.z, k, 1) @ np.delete(self.w[m][d], k)
                    u = (tau[:, d] * self.z[:, k] * rest).sum()
                    v = (tau[:, d] * (self.z[:, k] ** 2 + self.v[:, k])).sum() + a[k] / b[k]
                    q = 1.0
                    if self.spike:
                        odds = digamma(yes[k]) - digamma(no[k])
                        q = expit(odds + 0.5 * (digamma(a[k]) - np.log(b[k]) - np.log(v) + u**2 / v))
                    self.q[m][d, k], self.w[m][d, k] = q, q * u / v
                    self.w2[m][d, k] = q * ((u / v) ** 2 + 1 / v)
                    self.slab[m][d, k] = self.w2[m][d, k] + (1 - q) * b[k] / a[k]
            width = block.values.shape[1]
            self.alpha[m] = (np.full(n_factors, 1e-14 + width / 2), 1e-14 + self.slab[m].sum(0) / 2)
            if self.spike and sparsity:
                self.theta[m] = (1 + self.q[m].sum(0), 1 + width - self.q[m].sum(0))

    def sweep_samples(self):
        n_factors = self.z.shape[1]
        for g, rows in enumerate(GROUPS):
            for n in range(rows.start, rows.stop):
                for k in range(n_factors):
                    u, v = 0.0, self.az[g, k]
                    for m, block in enumerate(self.blocks):
                        tau = self.precision(m)[n]
                        rest = block.values[n] - np.delete(self.w[m], k, 1) @ np.delete(self.z[n], k)
                        u += (tau * self.w[m][:, k] * rest).sum()
                        v += (tau * self.w2[m][:, k]).sum()
                    self.z[n, k], self.v[n, k] = u / v, 1 / v

    def sweep_groups(self):
        z2 = self.z**2 + self.v
        for g, rows in enumerate(GROUPS):
            if self.relevance:
                half = 1e-14 + (rows.stop - rows.start) / 2
                self.az[g] = half / (1e-14 + z2[rows].sum(0) / 2)
            for m, block in enumerate(self.blocks):
                mask = np.ones(block.values.shape) * block.mask
                spread = (block.values - self.z @ self.w[m].T) ** 2 + z2 @ self.w2[m].T - self.z**2 @ self.w[m].T ** 2
                seen = (mask * spread)[rows].sum(0)
                self.tau[m][g] = (1e-3 + mask[rows].sum(0) / 2) / (1e-3 + seen / 2)


@pytest.mark.parametrize("spike", [True, False])
@pytest.mark.parametrize("relevance", [True, False])
@pytest.mark.parametrize("holes", [True, False])
def test_products_give_what_residuals_give(spike, relevance, holes):
    random = np.random.default_rng(3)
    blocks = [gaussian(random, holes=holes), gaussian(random, width=5, holes=holes)]
    start = principal_start(blocks, 3, 0)
    rules = Rules(spike_slab=spike, group_relevance=relevance, sparsity_from=2)
    ascent, twin = Ascent(blocks, GROUPS, start, rules), Residuals(blocks, start, spike=spike, relevance=relevance)
    for iteration in (1, 2, 3):
        ascent.sweep(iteration)
        twin.sweep(sparsity=iteration >= 2)
    np.testing.assert_allclose(ascent.factors.mean.T, twin.z, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ascent.factors.variance.T, twin.v, rtol=1e-9)
    for m, weights in enumerate(ascent.weights):
        np.testing.assert_allclose(weights.mean.T, twin.w[m], rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(weights.slab.T, twin.slab[m], rtol=1e-9)
        np.testing.assert_allclose(ascent.noise[m].mean, twin.tau[m], rtol=1e-9)
    mask = blocks[0].mask * np.ones(blocks[0].values.shape)
    whole = mask * (blocks[0].values - twin.z @ twin.w[0].T) ** 2
    one = mask * (blocks[0].values - np.outer(twin.z[:, 1], twin.w[0][:, 1])) ** 2
    for g, rows in enumerate(GROUPS):
        total = (blocks[0].values[rows] ** 2).sum()
        shares = ascent.explained()[0, g]
        np.testing.assert_allclose([shares[1], shares[-1]], 1 - np.array([one[rows].sum(), whole[rows].sum()]) / total)


@given(
    seed=st.integers(0, 10_000),
    kinds=st.lists(st.sampled_from(["gaussian", "bernoulli", "poisson"]), min_size=1, max_size=3),
    spike=st.booleans(),
    relevance=st.booleans(),
    n_factors=st.integers(1, 4),
)
@settings(max_examples=25, deadline=None)
def test_the_bound_never_falls(seed, kinds, spike, relevance, n_factors):
    random = np.random.default_rng(seed)
    blocks = [gaussian(random) if kind == "gaussian" else counts(random, kind) for kind in kinds]
    start = principal_start(blocks, n_factors, 0)
    rules = Rules(spike_slab=spike, group_relevance=relevance, sparsity_from=5, max_iterations=15, tolerance=0)
    bounds = np.array(fit_factors(blocks, GROUPS, start, rules).bounds)
    assert (np.diff(bounds) > -1e-9 * np.abs(bounds[1:])).all()


def test_bound_of_gamma_and_beta_by_integration():
    def expected(prior, posterior, low, high):
        return integrate.quad(
            lambda x: posterior.pdf(x) * (prior.logpdf(x) - posterior.logpdf(x)), low, high, epsabs=1e-10
        )[0]

    gamma = Gamma(np.array([3.5]), np.array([2.0]))
    by_hand = expected(stats.gamma(1.2, scale=1 / 0.7), stats.gamma(3.5, scale=1 / 2.0), 1e-9, 40)
    assert gamma.bound((1.2, 0.7)) == pytest.approx(by_hand, abs=1e-6)
    beta = Beta(np.array([4.0]), np.array([2.5]))
    by_hand = expected(stats.beta(1.5, 2.0), stats.beta(4.0, 2.5), 1e-9, 1 - 1e-9)
    assert beta.bound((1.5, 2.0)) == pytest.approx(by_hand, abs=1e-6)


def test_bound_of_weights_and_factors_term_by_term():
    """One weight and one factor with made-up posteriors: E[ln p] - E[ln q] by their definitions and by sampling."""
    mean, variance, spike, q = 0.7, 0.2, 0.5, 0.3
    alpha, theta = Gamma(np.array([2.0]), np.array([1.0])), Beta(np.array([3.0]), np.array([2.0]))
    shaped = [np.array([[value]]) for value in (q * mean, q * (mean**2 + variance))]
    slab = q * (mean**2 + variance) + (1 - q) * spike
    weights = Weights(
        *shaped, np.array([[slab]]), np.array([[variance]]), np.array([spike]), np.array([[q]]), alpha, theta
    )
    random = np.random.default_rng(0)
    a, p = random.gamma(2.0, 1.0, 400_000), random.beta(3.0, 2.0, 400_000)
    inside = random.random(400_000) < q
    w = np.where(inside, random.normal(mean, variance**0.5, 400_000), random.normal(0, spike**0.5, 400_000))
    log_q = np.where(inside, stats.norm.logpdf(w, mean, variance**0.5), stats.norm.logpdf(w, 0, spike**0.5))
    log_q += np.where(inside, np.log(q), np.log(1 - q))
    log_p = stats.norm.logpdf(w, 0, a**-0.5) + np.where(inside, np.log(p), np.log(1 - p))
    sampled = log_p - log_q
    error = sampled.std() / np.sqrt(len(sampled))
    assert weights_bound(weights, faithful=False) == pytest.approx(sampled.mean(), abs=5 * error)
    plain = replace(weights, inclusion=None, slab=np.array([[mean**2 + variance]]))
    exact = 0.5 * (alpha.log_mean[0] - 2.0 * (mean**2 + variance) + np.log(variance) + 1)
    assert weights_bound(plain, faithful=False) == pytest.approx(exact)
    factors = Factors(np.array([[mean]]), np.array([[variance]]))
    divergence = 0.5 * (variance + mean**2 - 1 - np.log(variance))  # of N(mean, variance) from N(0, 1)
    assert factors_bound(factors, [slice(0, 1)]) == pytest.approx(-divergence)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_bounds_of_likelihoods_lie_below_the_likelihood(likelihood):
    random = np.random.default_rng(1)
    block = counts(random, likelihood)
    factors = Factors(random.standard_normal((2, 24)), np.full((2, 24), 0.3))
    mean = random.standard_normal((2, 6))
    weights = ViewModel(likelihood, mean, mean**2 + 0.1, np.ones((2, 6)), np.zeros((2, 6)))
    kappa = curvature(block) if likelihood == "poisson" else None
    data = start_pseudo_data(block, np.zeros((2, 6)), kappa)
    bound, _ = refresh(block, factors, weights, data, GROUPS, fixed=True)
    eta = mean.T @ factors.mean
    spread = weights.square.T @ factors.square - (mean**2).T @ factors.mean**2
    draws = eta + np.sqrt(spread) * random.standard_normal((20_000, 6, 24))
    y = block.values.T
    if likelihood == "bernoulli":
        log_p = y * draws - softplus(draws)
    else:
        log_p = stats.poisson.logpmf(y, softplus(draws))
    exact = (log_p.mean(axis=0) * block.observed.T).sum()
    assert exact - 40 < bound < exact
    sure = replace(weights, square=mean**2)
    tight, _ = refresh(block, replace(factors, variance=np.zeros((2, 24))), sure, data, GROUPS, fixed=True)
    log_p = y * eta - softplus(eta) if likelihood == "bernoulli" else stats.poisson.logpmf(y, softplus(eta))
    assert tight == pytest.approx((log_p * block.observed.T).sum())


def test_the_curvature_of_counts_is_an_upper_bound():
    eta = np.linspace(-25, 25, 5001)
    step = eta[1] - eta[0]
    assert np.diff(softplus(eta), 2).max() / step**2 <= 0.25 + 1e-6
    assert -np.diff(log_softplus(eta), 2).min() / step**2 <= 0.17
    assert log_softplus(np.array([-800.0])) == -800.0
    np.testing.assert_allclose(two_lambda(np.array([0.0, 1e-9, 2.0])), [0.25, 0.25, np.tanh(1.0) / 4])


@pytest.mark.parametrize("patterns", [1, 5, 40])
@pytest.mark.parametrize("filled", [1.0, 0.2])
def test_grams_under_many_weights(patterns, filled):
    random = np.random.default_rng(patterns)
    rows, weights = random.standard_normal((4, 9)), random.random((patterns, 9))
    weights[random.random((patterns, 9)) > filled] = 0
    found = weighted_gram(rows, weights)
    for p in range(patterns):
        slow = sum(weights[p, i] * np.outer(rows[:, i], rows[:, i]) for i in range(9))
        np.testing.assert_allclose(found[:, :, p], slow, atol=1e-12)


def test_patterns_of_holes():
    mask = np.random.default_rng(0).random((50, 3)) < 0.5
    kinds, of_row = find_patterns(mask)
    assert len(kinds) == len(np.unique(mask, axis=0))
    assert np.array_equal(kinds[of_row], mask)


def test_one_gaussian_view_spans_what_principal_components_span():
    random = np.random.default_rng(0)
    axes = random.standard_normal((150, 3))
    values = axes @ random.standard_normal((3, 40)) * 3 + 0.1 * random.standard_normal((150, 40))
    values -= values.mean(axis=0)
    start = random.standard_normal((3, 150))
    fit = fit_factors([Block("gaussian", values)], [slice(0, 150)], start, Rules(spike_slab=False, tolerance=1e-9))
    left = np.linalg.svd(values, full_matrices=False)[0][:, :3]
    basis = np.linalg.qr(fit.factors.mean.T)[0]
    assert np.linalg.svd(left.T @ basis)[1].min() > 0.9999


def test_projection_is_the_linear_solution_and_where_updates_rest():
    random = np.random.default_rng(5)
    blocks = {"a": gaussian(random), "b": gaussian(random, width=5)}
    prior = np.array([[1.0, 2.0, 0.5], [1.5, 1.0, 1.0]])
    views = {}
    for name, block in blocks.items():
        width = block.values.shape[1]
        mean = random.standard_normal((3, width))
        views[name] = ViewModel("gaussian", mean, mean**2 + 0.2, random.random((2, width)) + 0.5, np.zeros((2, width)))
    found = infer_factors(blocks, views, prior, GROUPS)
    for n in range(24):
        group = 0 if n < 14 else 1
        left, right = np.diag(prior[group]), np.zeros(3)
        for name, block in blocks.items():
            tau = views[name].scale[group] * block.observed[n]
            mean = views[name].mean
            left = left + (mean * tau) @ mean.T + np.diag(((views[name].square - mean**2) * tau).sum(axis=1))
            right = right + (mean * tau) @ block.values[n]
        np.testing.assert_allclose(found.mean[:, n], np.linalg.solve(left, right), rtol=1e-9)

    ascent = Ascent(list(blocks.values()), GROUPS, np.zeros((3, 24)), Rules(group_relevance=True))
    precisions = [
        replace(precision, scale=view.scale) for precision, view in zip(ascent.precisions, views.values(), strict=True)
    ]
    pull = weight_pull(list(views.values()), ascent.values, precisions, GROUPS)
    gram, square = weight_grams(list(views.values()), precisions, ascent.joint)
    swept = replace(ascent.factors, alpha=Gamma(prior, np.ones_like(prior)))
    for _ in range(500):
        swept = update_factors(swept, pull, gram, square, ascent.joint)
    np.testing.assert_allclose(swept.mean, found.mean, atol=1e-9)
    np.testing.assert_allclose(swept.variance, found.variance, rtol=1e-12)


def test_weak_factors_are_dropped_the_weakest_first():
    random = np.random.default_rng(2)
    values = random.standard_normal((60, 2)) @ random.standard_normal((2, 30)) * 2 + random.standard_normal((60, 30))
    block = Block("gaussian", values - values.mean(axis=0))
    rules = Rules(drop_below=0.05)
    start = principal_start([block], 8, 0)
    fit = fit_factors([block], [slice(0, 60)], start, rules)
    assert len(fit.factors.mean) == 2 and len(fit.dropped) == 6 and len(set(fit.dropped)) == 6
    again = fit_factors([block], [slice(0, 60)], start, rules)
    assert again.bounds == fit.bounds and again.dropped == fit.dropped
    falls = [fit.checked[i + 1] for i in np.flatnonzero(np.diff(fit.bounds) < -1e-6)]
    assert set(falls) <= set(fit.dropped)
    with pytest.raises(RunError, match="no factor is left"):
        fit_factors([block], [slice(0, 60)], start, Rules(drop_below=0.99))
