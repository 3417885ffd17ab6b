"""Anchors and the CCA beneath them: slow twins, few cells, no common state; variable genes and normalisation."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError
from chiasma.stats.cells.anchors import (
    AnchorRules,
    Anchors,
    cell_shares,
    correct,
    find_anchors,
    leading_features,
    transfer_weights,
)
from chiasma.stats.cells.cca_operator import cell_cca, several_cca, standardise_cells
from chiasma.stats.cells.counts import log_normalise, principal_components, scale_features, tf_idf
from chiasma.stats.cells.variable_genes import select_features, standardised_variance


def sets(n: int = 40, m: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, 3)), random.standard_normal((m, 3))


def order(queries: np.ndarray, points: np.ndarray) -> list[list[int]]:
    return [np.argsort(np.linalg.norm(points - query, axis=1), kind="stable").tolist() for query in queries]


def test_anchors_are_mutual_and_scored_by_shared_neighbours():
    first, second = sets()
    found = find_anchors(first, second, AnchorRules(k_anchor=4, k_filter=0, k_score=10))
    ab, ba, aa, bb = order(first, second), order(second, first), order(first, first), order(second, second)
    pairs = [(i, j) for i in range(40) for j in ab[i][:4] if i in ba[j][:4]]
    assert list(zip(found.first.tolist(), found.second.tolist())) == pairs
    around = [
        len(({*aa[i][:10]} | {40 + j for j in ab[i][:10]}) & ({*ba[j][:10]} | {40 + x for x in bb[j][:10]}))
        for i, j in pairs
    ]
    low, high = np.quantile(around, [0.01, 0.9])
    np.testing.assert_allclose(found.score, np.clip((np.array(around) - low) / (high - low), 0, 1))
    assert found.found == len(pairs) and not found.filtered


def test_the_filter_asks_for_nearness_in_the_measured_features():
    first, second = sets()
    measured = np.random.default_rng(1).standard_normal((70, 12))
    rules = AnchorRules(k_filter=8, k_score=10)
    found = find_anchors(first, second, rules, measured=(measured[:40], measured[40:]))
    unit = measured / np.linalg.norm(measured, axis=1, keepdims=True)
    near = order(unit[:40], unit[40:])
    everyone = find_anchors(first, second, AnchorRules(k_filter=0, k_score=10))
    kept = [(i, j) for i, j in zip(everyone.first, everyone.second) if j in near[i][:8]]
    assert found.filtered and list(zip(found.first, found.second)) == kept
    few = find_anchors(first, second, AnchorRules(k_filter=31), measured=(measured[:40], measured[40:]))
    assert not few.filtered


def test_weights_listen_to_the_nearest_anchor_cells_and_no_more_than_asked():
    first, second = sets()
    anchors = find_anchors(first, second, AnchorRules(k_score=10))
    weights = transfer_weights(second, anchors, k_weight=6)
    dense = weights.toarray()
    np.testing.assert_allclose(dense.sum(axis=0), 1.0)
    assert (dense > 0).sum(axis=0).max() <= 6
    cells = np.unique(anchors.second)
    for cell in range(len(second)):
        away = np.linalg.norm(second[cells] - second[cell], axis=1)
        nearest = cells[np.argsort(away, kind="stable")[:6]]
        farthest, expected, taken = np.sort(away)[5], np.zeros(len(anchors)), 0
        for other in nearest:
            for row in np.flatnonzero(anchors.second == other):
                if taken < 6:
                    gap = 1 - np.linalg.norm(second[other] - second[cell]) / farthest
                    expected[row] = 1 - np.exp(-gap * anchors.score[row] / 4)
                    taken += 1
        if expected.sum() > 0:
            np.testing.assert_allclose(dense[:, cell], expected / expected.sum(), atol=1e-12)
    labels = np.eye(2)[np.arange(40) % 2]
    np.testing.assert_allclose((cell_shares(anchors, weights, len(labels)) @ labels).sum(axis=1), 1.0)
    shifted = correct(first, second + 5, anchors, weights)
    np.testing.assert_allclose(shifted, correct(first, second, anchors, weights), atol=1e-9)


def test_more_weight_than_anchor_cells_is_lowered_and_silent_scores_count_alike():
    anchors = Anchors(np.array([0, 1, 2]), np.array([0, 1, 1]), np.zeros(3), 3, False)
    weights = transfer_weights(np.arange(8.0).reshape(4, 2), anchors, k_weight=100)
    np.testing.assert_allclose(weights.toarray().sum(axis=0), 1.0)
    assert weights.shape == (3, 4)


def test_sets_without_anchors_say_so():
    first, second = sets(30, 30)
    measured = (np.ones((30, 2)), -np.ones((30, 2)))
    near = np.vstack([first[:, :2] + 9, -second[:, :2] - 9])
    with pytest.raises(InsufficientDataError, match="no anchor"):
        far = np.zeros((30, 3))
        far[:, 0] = np.arange(30)
        find_anchors(first, second, AnchorRules(k_anchor=1, k_filter=1), measured=(near[:30], measured[1] * far[:, :2]))


@pytest.mark.parametrize(("n", "m"), [(60, 45), (45, 60), (5, 50), (3, 3)])
def test_cca_is_the_decomposition_of_the_product(n, m):
    random = np.random.default_rng(0)
    first, second = (standardise_cells(random.standard_normal((size, 25))) for size in (n, m))
    found = cell_cca(first, second, 4)
    u, s, vt = np.linalg.svd(first @ second.T)
    count = len(found.values)
    np.testing.assert_allclose(found.values, s[:count], rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(found.first * u[:, :count], axis=0)), 1, atol=1e-8)
    np.testing.assert_allclose(np.abs(np.sum(found.second * vt[:count].T, axis=0)), 1, atol=1e-8)
    assert (found.first[0] >= 0).all()
    np.testing.assert_array_equal(several_cca([first, second], 4)[1], found.second)


def test_cells_by_cells_is_never_made():
    import tracemalloc

    random = np.random.default_rng(0)
    first, second = random.standard_normal((6000, 20)), random.standard_normal((5000, 20))
    tracemalloc.start()
    cell_cca(first, second, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 5000 * 8 / 10


def test_features_of_the_filter_come_from_both_ends():
    loadings = np.random.default_rng(0).standard_normal((1000, 10))
    chosen = leading_features(loadings)
    assert 150 < len(chosen) < 200
    assert {int(i) for i in loadings.argmax(axis=0)} | {int(i) for i in loadings.argmin(axis=0)} <= set(chosen.tolist())


def test_normalisations():
    counts = np.array([[1.0, 3, 0], [0, 0, 0], [2, 2, 4]])
    found = log_normalise(counts)
    assert found[0, 1] == pytest.approx(np.log1p(7500)) and (found[1] == 0).all()
    scaled = scale_features(np.column_stack([np.r_[np.zeros(199), 50.0], np.ones(200)]))
    assert scaled[:, 0].max() == 10 and (scaled[:, 1] == 0).all()
    share = len(counts) / counts.sum(axis=0)
    assert tf_idf(counts, document_share=share)[2, 2] == pytest.approx(np.log1p(4 / 8 * 3 / 4 * 1e4))
    scores, axes = principal_components(np.random.default_rng(0).standard_normal((80, 60)), 3)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    assert (axes[np.abs(axes).argmax(axis=0), range(3)] > 0).all() and scores.shape == (80, 3)


def test_genes_that_vary_more_than_their_mean_lets_expect_come_first():
    random = np.random.default_rng(0)
    counts = random.poisson(np.exp(random.normal(1, 1, 400)), (150, 400)).astype(float)
    counts[:, :10] = random.poisson(counts[:, :10].mean(axis=0) * np.where(np.arange(150) % 2, 0.1, 1.9)[:, None])
    counts[:, 20] = 7
    strength = standardised_variance(counts)
    assert strength[20] == 0 and np.median(strength[30:]) == pytest.approx(1, abs=0.15)
    assert len({*select_features([counts, counts[:75]], 15).tolist()} & set(range(10))) >= 8
