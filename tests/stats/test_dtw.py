"""Dynamic time warping: a slow twin over all paths, bands, known warps."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.stats.cells.dtw import mean_match, path_cost, warp


def least_cost(query: np.ndarray, reference: np.ndarray) -> float:
    """The symmetric pattern by its recursion, every cell allowed."""

    @cache
    def cost(i: int, j: int) -> float:
        gap = abs(query[i] - reference[j])
        if i == j == 0:
            return float(gap)
        ways = [cost(i - 1, j) + gap] if i else []
        ways += [cost(i, j - 1) + gap] if j else []
        ways += [cost(i - 1, j - 1) + 2 * gap] if i and j else []
        return float(min(ways))

    return cost(len(query) - 1, len(reference) - 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.floats(0.05, 1), st.integers(0, 10**6))
def test_the_path_is_monotone_whole_and_cheapest_without_a_band(n, m, band, seed):
    random = np.random.default_rng(seed)
    query, reference = random.standard_normal(n), random.standard_normal(m)
    path = warp(query, reference)
    assert path_cost(query, reference, path) == pytest.approx(least_cost(query, reference))
    for found in (path, warp(query, reference, band=band)):
        assert found[0].tolist() == [0, 0] and found[-1].tolist() == [n - 1, m - 1]
        steps = np.diff(found, axis=0)
        assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(axis=1) > 0).all()
        assert path_cost(query, reference, found) >= path_cost(query, reference, path) - 1e-12


def test_a_band_keeps_the_path_near_the_line():
    random = np.random.default_rng(0)
    query, reference = random.standard_normal(200), random.standard_normal(300)
    path = warp(query, reference, band=0.05)
    line = path[:, 0] * 299 / 199
    assert np.abs(path[:, 1] - line).max() <= 0.05 * 300 + 4
    assert np.abs(warp(query, reference)[:, 1] - warp(query, reference)[:, 0] * 299 / 199).max() > 20


def test_a_known_warp_is_found_again():
    time = np.linspace(0, 1, 400)
    bent = time**2
    path = warp(np.sin(5 * bent), np.sin(5 * time))
    matched = mean_match(path, time, 400)
    assert np.abs(matched - bent)[20:-20].max() < 0.02


def test_the_same_series_match_place_by_place():
    series = np.random.default_rng(1).standard_normal(30).cumsum()
    path = warp(series, series, band=0.01)
    np.testing.assert_array_equal(path[:, 0], path[:, 1])
    np.testing.assert_allclose(mean_match(path, series, 30), series)
