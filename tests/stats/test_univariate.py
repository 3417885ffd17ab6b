"""Univariate tests against scipy, and the moderated t against a second writing of Smyth (2004) in loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import special, stats

from chiasma.stats.univariate import VariancePrior, fit_prior, inverse_trigamma, moderated_t, run_tests


def problem(seed: int = 0, *, n_classes: int = 2, holes: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = np.arange(40) % n_classes
    values = random.standard_normal((40, 25)) * random.gamma(2, 1, 25)
    values[:, :5] += codes[:, None]
    values[:, 5] = np.round(values[:, 5])
    values[random.random(values.shape) < holes] = np.nan
    return values, codes


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_rank_tests_equal_scipy(holes):
    values, codes = problem(holes=holes)
    rho, rank = (run_tests(values, codes, 2, test) for test in ("spearman", "mann-whitney"))
    for column, feature in enumerate(values.T):
        seen = ~np.isnan(feature)
        theirs = stats.spearmanr(feature[seen], codes[seen])
        assert rho.effect[0, column] == pytest.approx(theirs.statistic)
        assert rho.p[0, column] == pytest.approx(theirs.pvalue)
        a, b = feature[seen & (codes == 1)], feature[seen & (codes == 0)]
        u = stats.mannwhitneyu(a, b, method="asymptotic")
        assert rank.effect[0, column] == pytest.approx(2 * u.statistic / (len(a) * len(b)) - 1)
        assert rank.p[0, column] == pytest.approx(u.pvalue)


def slow_moderated(values: np.ndarray, codes: np.ndarray, n_classes: int) -> tuple[list[list[float]], float, float]:
    """One feature and one class at a time, as the paper has it: eq. numbers of section 6.2 and 3."""
    variances, freedoms = [], []
    for feature in values.T:
        total, used = 0.0, 0
        for k in range(n_classes):
            own = [v for v, code in zip(feature, codes) if code == k and not math.isnan(v)]
            mean = sum(own) / len(own)
            total += sum((v - mean) ** 2 for v in own)
            used += len(own)
        freedoms.append(used - n_classes)
        variances.append(total / freedoms[-1])
    e = [math.log(s) - special.digamma(d / 2) + math.log(d / 2) for s, d in zip(variances, freedoms)]
    mean_e, g = sum(e) / len(e), len(e)
    excess = sum((x - mean_e) ** 2 for x in e) / (g - 1) - sum(special.polygamma(1, d / 2) for d in freedoms) / g
    low, high = 1e-9, 1e9
    for _ in range(300):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if special.polygamma(1, middle) > excess else (low, middle)
    d0 = 2 * low
    s0 = math.exp(mean_e + special.digamma(d0 / 2) - math.log(d0 / 2))
    table = []
    for k in range(n_classes):
        row = []
        for feature, s, d in zip(values.T, variances, freedoms):
            effect, unscaled = 0.0, 0.0
            for other in range(n_classes):
                own = [v for v, code in zip(feature, codes) if code == other and not math.isnan(v)]
                weight = 1.0 if other == k else -1.0 / (n_classes - 1)
                effect += weight * sum(own) / len(own)
                unscaled += weight**2 / len(own)
            row.append(effect / math.sqrt((d0 * s0 + d * s) / (d0 + d)) / math.sqrt(unscaled))
        table.append(row)
    return table, d0, s0


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_moderated_t_equals_a_second_writing(n_classes, holes):
    values, codes = problem(1, n_classes=n_classes, holes=holes)
    found, prior = moderated_t(values, codes, n_classes)
    slow, d0, s0 = slow_moderated(values, codes, n_classes)
    assert (prior.freedom, prior.variance) == (pytest.approx(d0), pytest.approx(s0))
    np.testing.assert_allclose(found.statistic, slow[1:] if n_classes == 2 else slow)
    complete = ~np.isnan(values).any(axis=0)
    expected = 2 * stats.t.sf(np.abs(found.statistic[0]), d0 + 40 - n_classes)
    np.testing.assert_allclose(found.p[0][complete], expected[complete])


def test_the_prior_of_simulated_variances_is_found():
    random = np.random.default_rng(4)
    true = 6 * 2.5 / random.chisquare(6, 20_000)
    prior = fit_prior(true * random.chisquare(10, 20_000) / 10, np.full(20_000, 10.0))
    assert prior.freedom == pytest.approx(6, rel=0.05)
    assert prior.variance == pytest.approx(2.5, rel=0.03)
    same = fit_prior(np.full(50, 3.0), np.full(50, 4.0))
    assert math.isinf(same.freedom)
    assert fit_prior(np.array([2.0]), np.array([4.0])) == VariancePrior(0.0, 2.0)


def test_null_p_values_are_uniform():
    random = np.random.default_rng(8)
    values = random.standard_normal((12, 4000)) * np.sqrt(4 / random.chisquare(4, 4000))
    p = moderated_t(values, np.arange(12) % 2, 2)[0].p[0]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


@given(st.floats(1e-8, 1e8))
def test_inverse_trigamma_inverts(x):
    y = inverse_trigamma(x)
    assert special.polygamma(1, y) == pytest.approx(x, rel=1e-3 if x > 1e7 or x < 1e-6 else 1e-9)


def test_features_that_cannot_be_tested_have_no_p():
    values, codes = problem()
    values[:, 0], values[:, 1] = 3.0, np.nan
    values[:, 2] = codes
    for test in ("moderated-t", "spearman", "mann-whitney"):
        p, q = run_tests(values, codes, 2, test).of_feature()
        assert np.isnan(p[:2]).all() and np.isnan(q[:2]).all()
        assert np.isfinite(p[2:]).all()
        assert p[2] == p[2:].min()


def test_p_of_a_feature_counts_its_contrasts():
    values, codes = problem(n_classes=3)
    found = run_tests(values, codes, 3, "mann-whitney")
    p, q = found.of_feature()
    np.testing.assert_allclose(p, np.minimum(found.p.min(axis=0) * 3, 1))
    assert (q >= p).all()
