"""Fuzzy graphs: exact neighbours against all distances, memberships against umap-learn and by their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiasma.stats.embedding_input import EmbeddingInput, NormaliseError, leading, normalised
from chiasma.stats.fuzzy_graph import fuzzy_graph, fuzzy_links, nearest, smooth_widths
from umap_twin import import_umap


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(1, 6), st.integers(0, 1000))
def test_neighbours_are_the_nearest(n, p, seed):
    random = np.random.default_rng(seed)
    x = random.integers(0, 4, (n, p)).astype(float)  # many ties and copies
    k = min(4, n)
    found = nearest(x, k)
    distance = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    assert np.array_equal(found.indices[:, 0], np.arange(n))
    for row in range(n):
        others = np.delete(distance[row], row)
        np.testing.assert_allclose(found.distances[row, 1:], np.sort(others)[: k - 1], atol=1e-12)
        assert len(set(found.indices[row])) == k
    new = random.standard_normal((3, p))
    links = nearest(new, k, reference=x)
    every = np.sqrt(((new[:, None] - x) ** 2).sum(axis=2))
    np.testing.assert_allclose(links.distances, np.sort(every, axis=1)[:, :k])


def test_memberships_sum_to_log2_of_the_neighbours():
    x = np.random.default_rng(0).standard_normal((60, 5))
    distances = nearest(x, 12).distances
    width, start = smooth_widths(distances)
    np.testing.assert_array_equal(start, distances[:, 1])
    total = np.exp(-(distances[:, 1:] - start[:, None]) / width[:, None]).sum(axis=1)
    np.testing.assert_allclose(total, np.log2(12), atol=1e-4)


def test_the_graph_is_that_of_umap_learn(monkeypatch):
    theirs = import_umap(monkeypatch)
    x = np.random.default_rng(1).standard_normal((80, 6))
    x[7] = x[3]  # copies have no distance to their first neighbour
    found = nearest(x, 10)
    known = {"knn_indices": found.indices, "knn_dists": found.distances}
    expected = theirs.fuzzy_simplicial_set(x, 10, np.random.RandomState(0), "euclidean", **known)[0]
    own = fuzzy_graph(x, 10)
    assert abs(own - expected).max() < 1e-5
    assert abs(own - own.T).max() == 0 and own.diagonal().max() == 0


def test_links_of_new_samples_do_not_depend_on_their_company():
    random = np.random.default_rng(2)
    x, new = random.standard_normal((50, 4)), random.standard_normal((9, 4))
    together = fuzzy_links(new, x, 8).toarray()
    for row in range(9):
        np.testing.assert_allclose(fuzzy_links(new[row : row + 1], x, 8).toarray()[0], together[row], atol=1e-12)
    assert ((together > 0).sum(axis=1) <= 8).all() and together.max() <= 1


def test_input_is_normalised_scaled_and_reduced():
    random = np.random.default_rng(3)
    counts = random.poisson(4, (30, 12)).astype(float)
    counts[2, 3] = np.nan
    row = counts[2]
    share = np.log1p(row / np.nansum(row) * 1e4)
    np.testing.assert_allclose(normalised(counts, "counts")[2], share)
    np.testing.assert_allclose(np.nanmean(normalised(counts, "clr"), axis=1), 0, atol=1e-12)
    made = EmbeddingInput.learn(counts, normalise="log1p", scale=True, components=4, cosine=True)
    points = made.points(counts)
    assert points.shape == (30, 4)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    back = EmbeddingInput.from_arrays(made.arrays(), normalise="log1p", cosine=True)
    assert np.array_equal(back.points(counts), points)
    with pytest.raises(NormaliseError, match="negative"):
        normalised(-counts, "log1p")


@pytest.mark.parametrize("shape", [(40, 7), (12, 30)])
def test_leading_components_are_those_of_a_singular_value_decomposition(shape):
    x = np.random.default_rng(4).standard_normal(shape)
    _, _, right = np.linalg.svd(x, full_matrices=False)
    found = leading(x, 3)
    np.testing.assert_allclose(np.abs((found * right[:3].T).sum(axis=0)), 1, atol=1e-9)
