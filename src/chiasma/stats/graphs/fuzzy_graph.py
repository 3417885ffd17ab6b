"""Neighbours of samples as a fuzzy graph: each edge has a membership strength between 0 and 1.

McInnes, Healy and Melville 2018 (doi:10.21105/joss.00861), sections 3.1 and 4.1. Neighbours are exact up to
50,000 samples, so that the same data give the same graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from chiasma.stats.graphs.knn import Neighbours, nearest, nearest_others

_TOLERANCE = 1e-5
_STEPS = 64
_LEAST_SCALE = 1e-3
"""Least kernel width, as a share of the mean distance (umap-learn 0.5.12)."""


def with_itself(x: np.ndarray, n: int, *, seed: int = 0) -> Neighbours:
    """The n nearest rows of each row of x (sample, feature), itself the first of them."""
    others = nearest_others(x, n - 1, seed=seed)
    own = np.arange(len(x))[:, None]
    index, distance = np.hstack([own, others.index]), np.hstack([np.zeros((len(x), 1)), others.distance])
    return Neighbours(index, distance, others.recall)


def smooth_widths(distances: np.ndarray, *, connected: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Kernel width and distance to the first neighbour of each sample (sample,) and (sample,).

    The width is such that memberships beyond the first column sum to log2 of the number of neighbours.

    Args:
        distances: (sample, neighbour), sorted; column 0 is the sample itself, or is passed over.
        connected: whether the nearest neighbour at a distance above 0 gets membership 1.
    """
    n_samples, n = distances.shape
    target = np.log2(n)
    above = distances > 0
    nearest_one = np.where(above.any(axis=1), np.where(above, distances, np.inf).min(axis=1), 0.0)
    start = nearest_one if connected else np.zeros(n_samples)
    beyond = np.maximum(distances[:, 1:] - start[:, None], 0.0)
    low, high, width = np.zeros(n_samples), np.full(n_samples, np.inf), np.ones(n_samples)
    going = np.arange(n_samples)
    for _ in range(_STEPS):
        total = np.exp(-beyond[going] / width[going, None]).sum(axis=1)
        open_ = np.abs(total - target) >= _TOLERANCE
        going, total = going[open_], total[open_]
        if not len(going):
            break
        over = total > target
        high[going[over]] = width[going[over]]
        low[going[~over]] = width[going[~over]]
        unbounded = np.isinf(high[going])
        middle = (low[going] + np.where(unbounded, 0.0, high[going])) / 2
        width[going] = np.where(unbounded, 2 * width[going], middle)
    floor = np.where(start > 0, distances.mean(axis=1), distances.mean()) * _LEAST_SCALE
    return np.maximum(width, floor), start


def fuzzy_graph(x: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """The symmetric fuzzy graph of samples (sample, sample): a + a' - a a' of the one-sided memberships.

    Args:
        x: (sample, feature).
        n_neighbors: neighbours of each sample, itself included.
    """
    one_sided = memberships(with_itself(x, n_neighbors), len(x), own=True)
    return fuzzy_union(one_sided)


def fuzzy_links(new: np.ndarray, reference: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """Memberships of new samples among those of the fit (new sample, sample), one-sided."""
    return memberships(nearest(new, reference, n_neighbors), len(reference), own=False)


def memberships(found: Neighbours, n_rows: int, *, own: bool) -> sparse.csr_array:
    """exp(-(distance - first) / width) as a sparse table (sample, row); nothing on the diagonal where `own`."""
    n_samples, n = found.index.shape
    width, start = smooth_widths(found.distance, connected=own)
    beyond = np.maximum(found.distance - start[:, None], 0.0)
    scale = width[:, None]
    strength = np.exp(-np.divide(beyond, scale, out=np.zeros_like(beyond), where=scale > 0))
    if own:
        strength[found.index == np.arange(n_samples)[:, None]] = 0.0
    begins = np.arange(0, n_samples * n + 1, n)
    graph = sparse.csr_array((strength.ravel(), found.index.ravel(), begins), shape=(n_samples, n_rows))
    return tidy(graph)


def fuzzy_union(graph: sparse.csr_array) -> sparse.csr_array:
    """a + a' - a a', elementwise: an edge is there if either of its ends says so."""
    turned = graph.T.tocsr()
    return tidy(graph + turned - graph.multiply(turned))


def graph_arrays(graph: sparse.csr_array) -> dict[str, np.ndarray]:
    """A graph as named arrays."""
    return {"data": graph.data, "indices": graph.indices, "indptr": graph.indptr}


def graph_from(arrays: Mapping[str, np.ndarray], n_columns: int) -> sparse.csr_array:
    """The graph that `graph_arrays` took apart."""
    shape = (len(arrays["indptr"]) - 1, n_columns)
    return sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)


def tidy(graph: Any) -> sparse.csr_array:
    """A copy with rows compressed, columns sorted and no zeros stored."""
    made = sparse.csr_array(graph, copy=True)
    made.sum_duplicates()
    made.eliminate_zeros()
    made.sort_indices()
    return made
