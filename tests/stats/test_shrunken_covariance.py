"""The covariance that is never formed against the one that is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage as reference

from chiasma.stats.shrunken_covariance import ledoit_wolf_shrinkage, shrink_covariance


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(3, 30), p=st.integers(2, 40))
def test_the_shrinkage_is_that_of_the_paper(seed, n, p):
    residual = np.random.default_rng(seed).standard_normal((n, p)) * np.arange(1, p + 1)
    residual -= residual.mean(axis=0)
    assert ledoit_wolf_shrinkage(residual) == pytest.approx(reference(residual, assume_centered=True), abs=1e-9)


@pytest.mark.parametrize(("n", "p"), [(10, 25), (30, 8)])
@pytest.mark.parametrize("share", [0.2, 1.0, None])
def test_solving_equals_the_whole_inverse(n, p, share):
    random = np.random.default_rng(2)
    residual = random.standard_normal((n, p)) @ random.standard_normal((p, p))
    residual -= residual.mean(axis=0)
    found = shrink_covariance(residual, n - 1, share)
    s = residual.T @ residual / (n - 1)
    whole = (1 - found.shrinkage) * s + found.shrinkage * np.trace(s) / p * np.eye(p)
    rows = random.standard_normal((3, p))
    np.testing.assert_allclose(found.solve(rows), np.linalg.solve(whole, rows.T).T, rtol=1e-8, atol=1e-10)


def test_no_shrinkage_is_the_pseudo_inverse_and_no_spread_is_harmless():
    residual = np.random.default_rng(3).standard_normal((6, 15))
    residual -= residual.mean(axis=0)
    found = shrink_covariance(residual, 5, 0.0)
    rows = np.eye(15)
    np.testing.assert_allclose(found.solve(rows), np.linalg.pinv(residual.T @ residual / 5), atol=1e-9)
    assert (shrink_covariance(np.zeros((4, 3)), 2).solve(np.ones((1, 3))) == 0).all()
