"""The graphs of several views made into one, and the links of new samples likewise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from chiasma.stats.graphs.fuzzy_graph import fuzzy_union, memberships, tidy, with_itself
from chiasma.stats.graphs.graph_intersection import (
    Floor,
    edge_floors,
    edge_floors_of_union,
    intersect,
    local_links,
    subtract,
    unite,
)
from chiasma.stats.graphs.knn import nearest
from chiasma.stats.graphs.network_fusion import affinity, fuse, strongest

Combine = Literal["intersection", "union", "difference", "fusion"]
_SAME = 1e-9
"""Distance, as a share of the mean distance to a neighbour, at which a new sample is one of the fit."""


@dataclass(frozen=True)
class CombineRules:
    """How graphs are made into one.

    Attributes:
        combine: intersection, union, difference of the first two, or similarity network fusion.
        weights: of each view, in their order.
        floor: see `edge_floors`.
        reset_local_metric: see `reset_local_connectivity`.
        faithful: see `subtract`.
    """

    combine: Combine
    weights: tuple[float, ...]
    floor: Floor = "auto"
    reset_local_metric: bool = True
    faithful: bool = False


@dataclass(frozen=True, eq=False)
class ViewPoints:
    """The samples of the fit in one view.

    Attributes:
        rows: which samples have it (measured,).
        points: their places (measured, dimension).
        n_neighbors: neighbours used.
        near: mean distance to a neighbour.
    """

    rows: np.ndarray
    points: np.ndarray
    n_neighbors: int
    near: float


def view_graph(
    points: np.ndarray, rows: np.ndarray, *, n_neighbors: int, n_samples: int, seed: int
) -> tuple[ViewPoints, sparse.csr_array]:
    """The fuzzy graph of one view over all samples (sample, sample); those that lack it have no edges.

    Args:
        points: of the samples that have the view (measured, dimension).
        rows: which these are (measured,).
        n_neighbors: neighbours of each, itself included, at most all of them.
        n_samples: samples in all.
        seed: of approximate neighbours, where there are very many samples.
    """
    n = min(n_neighbors, len(points))
    found = with_itself(points, n, seed=seed)
    own = fuzzy_union(memberships(found, len(points), own=True)).tocoo()
    graph = sparse.csr_array((own.data, (rows[own.row], rows[own.col])), shape=(n_samples, n_samples))
    return ViewPoints(rows, points, n, float(found.distance[:, 1:].mean())), tidy(graph)


def combine_graphs(
    graphs: Sequence[sparse.csr_array], views: Sequence[ViewPoints], rules: CombineRules
) -> sparse.csr_array:
    """One graph of all samples (sample, sample), symmetric, its strongest edge of each sample 1."""
    if rules.combine == "fusion":
        fused = fuse(
            [affinity(view.points, n_neighbors=view.n_neighbors - 1) for view in views],
            n_neighbors=views[0].n_neighbors - 1,
        )
        made = strongest(fused, views[0].n_neighbors - 1)
    else:
        present = [np.isin(np.arange(graphs[0].shape[0]), view.rows) for view in views]
        made = _combined(graphs, rules, _floors(graphs, rules), present, present)
    return fuzzy_union(local_links(made, reset_local_metric=rules.reset_local_metric))


def _floors(graphs: Sequence[sparse.csr_array], rules: CombineRules) -> np.ndarray:
    return edge_floors_of_union(graphs) if rules.combine == "union" else edge_floors(graphs, floor=rules.floor)


def _combined(
    graphs: Sequence[sparse.csr_array],
    rules: CombineRules,
    floors: np.ndarray,
    present: Sequence[np.ndarray],
    columns: Sequence[np.ndarray],
) -> sparse.csr_array:
    if rules.combine == "union":
        return unite(graphs, floors=floors)
    if rules.combine == "difference":
        weight = rules.weights[1] / sum(rules.weights[:2])
        return subtract(graphs[0], graphs[1], weight=weight, faithful=rules.faithful)
    if rules.combine == "fusion":  # new samples are not diffused: their mean similarity
        return tidy(sum(graphs[1:], graphs[0]) / len(graphs))
    return intersect(graphs, weights=rules.weights, floors=floors, present=list(present), present_columns=list(columns))


def link_new(
    new: Mapping[int, tuple[np.ndarray, np.ndarray]],
    views: Sequence[ViewPoints],
    graphs: Sequence[sparse.csr_array],
    rules: CombineRules,
    *,
    n_new: int,
) -> tuple[sparse.csr_array, np.ndarray]:
    """Strengths of new samples' links to those of the fit (new, sample), and which of these a new one is (new,), or -1.

    Args:
        new: place of a view -> points of the new samples that have it and which these are.
        views, graphs: of the fit.
        rules: as of the fit.
        n_new: new samples in all.
    """
    n_samples = graphs[0].shape[0]
    links, present, same = [], [], np.full((len(views), n_new), -2)
    for index, view in enumerate(views):
        have = np.zeros(n_new, dtype=bool)
        made = sparse.csr_array((n_new, n_samples))
        if index in new:
            points, rows = new[index]
            have[rows] = True
            found = nearest(points, view.points, view.n_neighbors)
            own = memberships(found, len(view.points), own=False).tocoo()
            made = sparse.csr_array((own.data, (rows[own.row], view.rows[own.col])), shape=made.shape)
            at = found.distance[:, 0] <= _SAME * view.near
            same[index, rows] = np.where(at, view.rows[found.index[:, 0]], -1)
        links.append(tidy(made))
        present.append(have)
    columns = [np.isin(np.arange(n_samples), view.rows) for view in views]
    joint = local_links(
        _combined(links, rules, _floors(graphs, rules), present, columns), reset_local_metric=rules.reset_local_metric
    )
    return joint, _one_of_the_fit(same, views)


def _one_of_the_fit(same: np.ndarray, views: Sequence[ViewPoints]) -> np.ndarray:
    """The sample that a new one equals in every view that either has (new,), or -1; -2 marks a view it lacks."""
    made = np.full(same.shape[1], -1)
    for column, found in enumerate(same.T):
        known = found[found != -2]
        if len(known) and (known == known[0]).all() and known[0] >= 0:
            has = np.array([known[0] in view.rows for view in views])
            if np.array_equal(has, found != -2):
                made[column] = known[0]
    return made
