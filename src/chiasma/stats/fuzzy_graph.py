"""Neighbours of samples as a fuzzy graph: each edge has a membership strength between 0 and 1.

McInnes, Healy and Melville 2018 (doi:10.21105/joss.00861), sections 3.1 and 4.1. Neighbours are exact, found in
blocks of rows, so that the same data give the same graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

_BLOCK = 4_000_000
"""Distances held at once."""
_TOLERANCE = 1e-5
_STEPS = 64
_LEAST_SCALE = 1e-3
"""Least kernel width, as a share of the mean distance (umap-learn 0.5.12)."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows, the nearest first.

    Attributes:
        indices: int64 (sample, neighbour).
        distances: float64 (sample, neighbour).
    """

    indices: np.ndarray
    distances: np.ndarray


def nearest(x: np.ndarray, n: int, *, reference: np.ndarray | None = None) -> Neighbours:
    """The n nearest rows, Euclidean, exact; ties go to the lower row.

    Args:
        x: rows that ask (sample, feature).
        n: neighbours of each.
        reference: rows that are found (row, feature); without it x itself, each sample being its own first neighbour.
    """
    own = reference is None
    rows = x if reference is None else reference
    square = (rows**2).sum(axis=1)
    block = max(1, _BLOCK // max(len(rows), 1))
    found = []
    for begin in range(0, len(x), block):
        part = x[begin : begin + block]
        cross = square - 2 * (part @ rows.T)  # the asker's own square changes no order
        if own:
            cross[np.arange(len(part)), begin + np.arange(len(part))] = -np.inf
        near = np.argpartition(cross, min(n, len(rows)) - 1, axis=1)[:, :n]
        difference = part[:, None, :] - rows[near]  # (sample, neighbour, feature): exact where the product rounds
        distance = np.sqrt((difference**2).sum(axis=2))
        key = np.where(near == begin + np.arange(len(part))[:, None], -1.0, distance) if own else distance
        order = np.lexsort((near, key), axis=1)
        found.append((np.take_along_axis(near, order, axis=1), np.take_along_axis(distance, order, axis=1)))
    indices, distances = (np.concatenate(parts) for parts in zip(*found))
    return Neighbours(indices.astype(np.int64), distances)


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
    one_sided = memberships(nearest(x, n_neighbors), len(x), own=True)
    return fuzzy_union(one_sided)


def fuzzy_links(new: np.ndarray, reference: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """Memberships of new samples among those of the fit (new sample, sample), one-sided."""
    return memberships(nearest(new, n_neighbors, reference=reference), len(reference), own=False)


def memberships(found: Neighbours, n_rows: int, *, own: bool) -> sparse.csr_array:
    """exp(-(distance - first) / width) as a sparse table (sample, row); nothing on the diagonal where `own`."""
    n_samples, n = found.indices.shape
    width, start = smooth_widths(found.distances, connected=own)
    beyond = np.maximum(found.distances - start[:, None], 0.0)
    scale = width[:, None]
    strength = np.exp(-np.divide(beyond, scale, out=np.zeros_like(beyond), where=scale > 0))
    if own:
        strength[found.indices == np.arange(n_samples)[:, None]] = 0.0
    begins = np.arange(0, n_samples * n + 1, n)
    graph = sparse.csr_array((strength.ravel(), found.indices.ravel(), begins), shape=(n_samples, n_rows))
    return tidy(graph)


def fuzzy_union(graph: sparse.csr_array) -> sparse.csr_array:
    """a + a' - a a', elementwise: an edge is there if either of its ends says so."""
    turned = graph.T.tocsr()
    return tidy(graph + turned - graph.multiply(turned))


def tidy(graph: Any) -> sparse.csr_array:
    """Rows compressed, columns sorted, no zeros stored."""
    made = sparse.csr_array(graph)
    made.sum_duplicates()
    made.eliminate_zeros()
    made.sort_indices()
    return made
