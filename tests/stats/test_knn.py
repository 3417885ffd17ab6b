"""Neighbours: a slow twin, ties and copies in order, recall where they are approximate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.stats.graphs.knn import nearest, nearest_others, pair_distances


def twin(queries: np.ndarray, points: np.ndarray, k: int, *, others: bool) -> tuple[list[list[int]], np.ndarray]:
    found, distances = [], []
    for row, query in enumerate(queries):
        away = [float(np.linalg.norm(query - point)) for point in points]
        order = sorted((d, i) for i, d in enumerate(away) if not (others and i == row))[:k]
        found.append([i for _, i in order])
        distances.append([d for d, _ in order])
    return found, np.array(distances)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 4), st.integers(1, 12), st.booleans(), st.integers(0, 10**6))
def test_neighbours_are_those_of_a_slow_search(n, dimension, k, others, seed):
    random = np.random.default_rng(seed)
    points = random.integers(0, 3, (n, dimension)).astype(float)  # a grid: many ties and copies
    queries = points if others else random.integers(0, 3, (7, dimension)).astype(float)
    found = nearest_others(points, k) if others else nearest(queries, points, k)
    index, distance = twin(queries, points, k, others=others)
    np.testing.assert_allclose(found.distance, distance, atol=1e-12)
    if len(points) <= k + 6:  # all points are candidates: ties are in the order of the points
        assert found.index.tolist() == index
    assert found.recall == 1.0
    if others:
        assert (found.index != np.arange(n)[:, None]).all()


def test_distances_do_not_cancel_far_from_the_origin():
    points = 1e6 + np.random.default_rng(0).standard_normal((50, 3)) * 1e-3
    found = nearest_others(points, 3)
    np.testing.assert_allclose(found.distance[:, 0], pair_distances(points, points[found.index[:, 0]]), rtol=1e-12)


@pytest.mark.slow
def test_beyond_the_limit_neighbours_are_approximate_and_their_recall_is_told():
    pytest.importorskip("pynndescent")
    points = np.random.default_rng(1).standard_normal((600, 6))
    exact, rough = nearest_others(points, 10), nearest_others(points, 10, exact_up_to=100, seed=3)
    share = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(exact.index, rough.index)])
    assert 0.8 < rough.recall <= 1.0 and abs(share - rough.recall) < 0.05
    assert (rough.index != np.arange(600)[:, None]).all()
    again = nearest_others(points, 10, exact_up_to=100, seed=3)
    np.testing.assert_array_equal(rough.index, again.index)
    across = nearest(points[:40] + 0.01, points, 5, exact_up_to=100)
    assert across.index.shape == (40, 5) and across.recall > 0.8
