"""Fuzzy graphs: exact neighbours against all distances, memberships against umap-learn and by their definition."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.stats.embedding_input import EmbeddingInput, NormaliseError, normalised
from chiasma.stats.graphs.fuzzy_graph import fuzzy_graph, fuzzy_links, smooth_widths, with_itself
from umap_twin import import_umap


def test_each_sample_is_its_own_first_neighbour_also_where_there_are_copies():
    x = np.repeat(np.random.default_rng(0).standard_normal((10, 3)), 2, axis=0)
    found = with_itself(x, 4)
    assert np.array_equal(found.index[:, 0], np.arange(20))
    assert (found.distance[:, :2] == 0).all() and (found.distance[:, 2] > 0).all()


def test_memberships_sum_to_log2_of_the_neighbours():
    x = np.random.default_rng(0).standard_normal((60, 5))
    distances = with_itself(x, 12).distance
    width, start = smooth_widths(distances)
    np.testing.assert_array_equal(start, distances[:, 1])
    total = np.exp(-(distances[:, 1:] - start[:, None]) / width[:, None]).sum(axis=1)
    np.testing.assert_allclose(total, np.log2(12), atol=1e-4)


def test_the_graph_is_that_of_umap_learn(monkeypatch):
    theirs = import_umap(monkeypatch)
    x = np.random.default_rng(1).standard_normal((80, 6))
    x[7] = x[3]  # copies have no distance to their first neighbour
    found = with_itself(x, 10)
    known = {"knn_indices": found.index, "knn_dists": found.distance}
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
    np.testing.assert_allclose(normalised(counts, "clr")[2], np.log1p(row / np.exp(np.nanmean(np.log1p(row)))))
    made = EmbeddingInput.learn(counts, normalise="log1p", scale=True, components=4, cosine=True)
    points = made.points(counts)
    assert points.shape == (30, 4)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    back = EmbeddingInput.from_arrays(made.arrays(), normalise="log1p", cosine=True)
    assert np.array_equal(back.points(counts), points)
    with pytest.raises(NormaliseError, match="negative"):
        normalised(-counts, "log1p")
