"""Layouts: umap-learn's curve, the same answer twice, new samples placed alone as in company."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from chiasma.stats.graphs.fuzzy_graph import fuzzy_graph, fuzzy_links
from chiasma.stats.graphs.graph_layout import LayoutRules, curve, lay_out, place_new


@pytest.fixture(scope="module", autouse=True)
def umap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("umap.umap_")


def clusters(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return 4 * np.eye(3, 6)[codes] + random.standard_normal((n, 6)), codes


def test_curve_is_that_of_umap_learn(umap):
    for min_dist, spread in ((0.1, 1.0), (0.8, 1.0), (0.5, 2.0)):
        np.testing.assert_allclose(curve(min_dist, spread), umap.find_ab_params(spread, min_dist), rtol=1e-6)


@pytest.mark.parametrize("start", ["spectral", "pca", "random"])
def test_layouts_repeat_and_new_samples_join_their_class(start):
    x, codes = clusters(120, 0)
    rules = LayoutRules(n_epochs=60, start=start, seed=3)
    graph = fuzzy_graph(x, 12)
    placed = lay_out(graph, x, rules)
    assert placed.shape == (120, 2) and np.array_equal(placed, lay_out(graph, x, rules))
    assert not np.array_equal(placed, lay_out(graph, x, LayoutRules(n_epochs=60, start=start, seed=4)))
    new, truth = clusters(30, 1)
    found = place_new(fuzzy_links(new, x, 12), placed, rules)
    near = np.argmin(((found[:, None] - placed) ** 2).sum(axis=2), axis=1)
    assert (codes[near] == truth).mean() > 0.9
    alone = place_new(fuzzy_links(new[4:5], x, 12), placed, rules)
    np.testing.assert_allclose(alone[0], found[4], atol=1e-9)


def test_a_graph_in_pieces_begins_at_its_principal_components():
    x, codes = clusters(60, 2)
    x += 100 * np.eye(3, 6)[codes]
    placed = lay_out(fuzzy_graph(x, 5), x, LayoutRules(n_epochs=30))
    centres = np.stack([placed[codes == code].mean(axis=0) for code in range(3)])
    apart = np.linalg.norm(centres[[0, 1, 2]] - centres[[1, 2, 0]], axis=1)
    assert np.isfinite(placed).all() and apart.min() > 1
