"""Intersection, union and difference of graphs against umap-learn's own (A15) and against sums over pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from chiasma.stats.graphs.fuzzy_graph import fuzzy_graph, fuzzy_links, tidy
from chiasma.stats.graphs.graph_intersection import (
    connectivity,
    edge_floors,
    intersect,
    local_links,
    reset_local_connectivity,
    subtract,
    unite,
)
from umap_twin import import_umap


@pytest.fixture
def umap(monkeypatch):
    return import_umap(monkeypatch)


def graphs(n: int = 3, size: int = 70) -> list[sparse.csr_array]:
    random = np.random.default_rng(0)
    shared = random.standard_normal((size, 3))
    return [fuzzy_graph(np.hstack([shared, random.standard_normal((size, 2))]), 8 + view) for view in range(n)]


def theirs(graph: sparse.csr_array) -> sparse.csr_matrix:
    return sparse.csr_matrix(graph.copy())  # its difference writes into what it is given


@pytest.mark.parametrize("weight", [0.05, 0.45, 0.5, 0.7])
def test_two_graphs_meet_as_in_umap_learn(umap, weight):
    one, two = graphs(2)
    expected = umap.general_simplicial_set_intersection(theirs(one), theirs(two), weight=weight)
    own = intersect([one, two], weights=[1 - weight, weight])
    np.testing.assert_allclose(own.toarray(), expected.toarray(), atol=1e-12)
    for metric in (False, True):
        again = umap.reset_local_connectivity(expected, reset_local_metric=metric)
        found = reset_local_connectivity(own, reset_local_metric=metric)
        np.testing.assert_allclose(found.toarray(), again.toarray(), atol=1e-9)
    apart = umap.general_simplicial_set_intersection(theirs(one), theirs(two), weight=weight, right_complement=True)
    np.testing.assert_allclose(subtract(one, two, weight=weight, faithful=True).toarray(), apart.toarray(), atol=1e-12)


def test_union_is_that_of_umap_learn(umap):
    one, two = graphs(2)
    expected = umap.general_simplicial_set_union(theirs(one), theirs(two))
    np.testing.assert_allclose(unite([one, two]).toarray(), expected.toarray(), atol=1e-12)


def slow_intersection(found: list[np.ndarray], weights: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Pair by pair."""
    floors = [min(max(each[each > 0].min() / 2, 1e-8), 1e-4) for each in found]
    made = np.zeros_like(found[0])
    for i, j in np.ndindex(made.shape):
        if not any(each[i, j] for each in found):
            continue
        both = [view for view in range(len(found)) if present[view, i] and present[view, j]]
        if not both:
            continue
        mean = sum(weights[v] * np.log(found[v][i, j] or floors[v]) for v in both) / sum(weights[v] for v in both)
        made[i, j] = np.exp(mean * weights.sum() / weights.max())
    return made


def test_three_graphs_with_holes_meet_as_pair_by_pair():
    found = graphs(3)
    weights = np.array([0.5, 0.3, 0.2])
    present = np.random.default_rng(1).random((3, 70)) > 0.2
    present[:, ~present.any(axis=0)] = True
    own = intersect(found, weights=weights, present=list(present))
    expected = slow_intersection([each.toarray() for each in found], weights, present)
    np.testing.assert_allclose(own.toarray(), expected, atol=1e-12)


def test_order_matters_only_where_umap_learn_has_it():
    found = graphs(3)
    one = intersect(found, weights=[0.5, 0.3, 0.2])
    other = intersect(found[::-1], weights=[0.2, 0.3, 0.5])
    np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-12)
    two = found[:2]
    assert abs(intersect(two) - intersect(two[::-1])).max() > 0.01
    even = edge_floors(two, floor="symmetric")
    turned = intersect(two[::-1], floors=even[::-1])
    np.testing.assert_allclose(intersect(two, floors=even).toarray(), turned.toarray(), atol=1e-12)


def test_a_difference_keeps_what_the_second_lacks():
    one, two = graphs(2)
    own = subtract(one, two)
    alone = (one.toarray() > 0) & (two.toarray() == 0)
    np.testing.assert_allclose(own.toarray()[alone], one.toarray()[alone])
    shared = (one.toarray() > 0) & (two.toarray() > 0)
    assert (own.toarray()[shared] <= one.toarray()[shared]).all()
    assert not (own.toarray()[one.toarray() == 0]).any()
    assert subtract(one, two, faithful=True).toarray()[alone].max() < 1e-3  # what umap-learn makes of them


def test_one_graph_and_all_weight_on_one_are_that_graph():
    one, two = graphs(2)
    np.testing.assert_allclose(intersect([one]).toarray(), one.toarray())
    alone = intersect([one, two], weights=[1, 0], floors=np.full(2, 1e-8))
    np.testing.assert_allclose(
        alone.toarray(), np.where(alone.toarray() > 1e-7, one.toarray(), 1e-8 * (two > 0).toarray())
    )


def test_links_of_new_samples_and_empty_rows():
    random = np.random.default_rng(3)
    links = fuzzy_links(random.standard_normal((6, 3)), random.standard_normal((30, 3)), 5)
    made = local_links(links, reset_local_metric=True)
    np.testing.assert_allclose(made.max(axis=1).toarray().ravel(), 1)
    hollow = links.toarray()
    hollow[2] = 0
    assert local_links(tidy(sparse.csr_array(hollow))).toarray()[2].sum() == 0


def test_connectivity_is_reported():
    blocks = sparse.csr_array(sparse.block_diag([np.ones((3, 3)) - np.eye(3), np.ones((2, 2)) - np.eye(2), [[0.0]]]))
    found = connectivity(tidy(blocks))
    assert found == {"components": 3, "largest_share": 0.5, "edges_per_sample": 8 / 6, "isolated": 1}


@pytest.mark.realdata
def test_the_courses_cells_at_the_courses_weight(umap, data_dir):
    folder = data_dir / "omics" / "citeseq"
    adt = pd.read_csv(folder / "scProteomics_CITEseq.txt.gz", sep="\t", index_col=0, nrows=300).drop(columns="cluster")
    rna = pd.read_csv(folder / "synthetic_rna_embedding_8617x20.csv.gz", index_col=0).loc[adt.index]
    one, two = fuzzy_graph(rna.to_numpy(), 17), fuzzy_graph(np.log1p(adt.to_numpy(float)), 17)
    expected = umap.general_simplicial_set_intersection(theirs(one), theirs(two), weight=0.45)
    own = intersect([one, two], weights=[0.55, 0.45])
    assert own.nnz > 5000 and abs(own - expected).max() < 2e-8
    reset = umap.reset_local_connectivity(expected)
    assert abs(reset_local_connectivity(own) - reset).max() < 1e-6
