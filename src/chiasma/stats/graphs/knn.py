"""Nearest neighbours: exact and deterministic by blocks of matrix products; beyond, approximate with its recall."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.rng import derive_seed, generator

EXACT_UP_TO = 50_000
"""Points up to which neighbours are exact: time grows with their square, 50,000 x 30 take about 100 CPU s."""
_BLOCK = 2**22
"""Distances held at once, 32 MiB."""
_MARGIN = 6
"""Candidates more than asked for: the products round, so the last places are decided on differences."""
_PROBES = 300
"""Points on which the recall of approximate neighbours is measured."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest points of each query, nearest first; equal distances in the order of the points.

    Attributes:
        index: place of the neighbour among the points (query, neighbour).
        distance: Euclidean distance to it (query, neighbour).
        recall: share of the true neighbours that were found: 1 where exact, else measured on some queries.
    """

    index: np.ndarray
    distance: np.ndarray
    recall: float = 1.0

    def first(self, k: int) -> Neighbours:
        """The k nearest only."""
        return Neighbours(self.index[:, :k], self.distance[:, :k], self.recall)


def nearest(
    queries: np.ndarray, points: np.ndarray, k: int, *, exact_up_to: int = EXACT_UP_TO, seed: int = 0
) -> Neighbours:
    """The k nearest points of each query by Euclidean distance; k is lowered to the number of points.

    Args:
        queries: (query, dimension).
        points: (point, dimension).
        k: neighbours asked for.
        exact_up_to: points beyond which NN-descent takes over (Dong 2011), its recall measured.
        seed: root of the approximate search; the exact one draws nothing.
    """
    k = min(k, len(points))
    if len(points) <= exact_up_to:
        return _exact(queries, points, k, own=None)
    return _approximate(queries, points, k, seed=seed, itself=False)


def nearest_others(points: np.ndarray, k: int, *, exact_up_to: int = EXACT_UP_TO, seed: int = 0) -> Neighbours:
    """The k nearest other points of each point; a copy of a point is another point, the point itself is not."""
    k = min(k, len(points) - 1)
    if len(points) <= exact_up_to:
        return _exact(points, points, k, own=np.arange(len(points)))
    return _approximate(points, points, k, seed=seed, itself=True)


def pair_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distance of rows of two arrays (row, dimension), by differences, which do not cancel."""
    gap = first - second
    return np.sqrt(np.einsum("ij,ij->i", gap, gap))


def _exact(queries: np.ndarray, points: np.ndarray, k: int, *, own: np.ndarray | None) -> Neighbours:
    queries, points = np.ascontiguousarray(queries, np.float64), np.ascontiguousarray(points, np.float64)
    index = np.zeros((len(queries), k), dtype=np.int64)
    distance = np.zeros((len(queries), k))
    if k == 0:
        return Neighbours(index, distance)
    squares = np.einsum("ij,ij->i", points, points)
    most = min(k + _MARGIN, len(points) - (own is not None))
    step = max(1, _BLOCK // max(len(points), 1))
    for begin in range(0, len(queries), step):
        rows = slice(begin, min(begin + step, len(queries)))
        gap = queries[rows] @ points.T
        gap *= -2.0
        gap += squares
        if own is not None:
            gap[np.arange(gap.shape[0]), own[rows]] = np.inf
        near = _smallest(gap, most)
        away = points[near] - queries[rows][:, None, :]  # (query, candidate, dimension)
        exact = np.sqrt(np.einsum("ijk,ijk->ij", away, away))
        order = _order(exact, near)[:, :k]
        index[rows] = np.take_along_axis(near, order, axis=1)
        distance[rows] = np.take_along_axis(exact, order, axis=1)
    return Neighbours(index, distance)


def _order(distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Places of each row by distance, equal ones by index (row, place)."""
    order = np.argsort(distance, axis=1)
    ranked = np.take_along_axis(distance, order, axis=1)
    tied = np.flatnonzero((ranked[:, 1:] == ranked[:, :-1]).any(axis=1))
    order[tied] = np.lexsort((index[tied], distance[tied]), axis=1)
    return order


@numba.njit(cache=True)
def _smallest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` smallest values of each row, in no order (row, count): a heap whose root is the largest."""
    found = np.empty((values.shape[0], count), dtype=np.int64)
    heap = np.empty(count)
    for row in range(values.shape[0]):
        place = found[row]
        for column in range(values.shape[1]):
            value = values[row, column]
            if column < count:
                node = column
                while node > 0 and heap[(node - 1) // 2] < value:
                    heap[node], place[node] = heap[(node - 1) // 2], place[(node - 1) // 2]
                    node = (node - 1) // 2
            elif value < heap[0]:
                node = 0
                while 2 * node + 1 < count:
                    child = 2 * node + 1
                    if child + 1 < count and heap[child + 1] > heap[child]:
                        child += 1
                    if heap[child] <= value:
                        break
                    heap[node], place[node] = heap[child], place[child]
                    node = child
            else:
                continue
            heap[node], place[node] = value, column
    return found


def _approximate(queries: np.ndarray, points: np.ndarray, k: int, *, seed: int, itself: bool) -> Neighbours:
    pynndescent = require_module("pynndescent", extra="omics")
    random_state = derive_seed(seed, "nn-descent") % (2**31)
    tree = pynndescent.NNDescent(
        np.asarray(points, np.float32), n_neighbors=k + 1 + itself, random_state=random_state, n_jobs=1
    )
    if itself:
        index, _ = tree.neighbor_graph
        index = _without_itself(index.astype(np.int64), k)
    else:
        index = tree.query(np.asarray(queries, np.float32), k=k)[0].astype(np.int64)
    distance = np.stack([pair_distances(queries, points[index[:, place]]) for place in range(k)], axis=1)
    order = _order(distance, index)
    index, distance = np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)
    probes = generator(seed, "recall").choice(len(queries), size=min(_PROBES, len(queries)), replace=False)
    true = _exact(queries[probes], points, k, own=probes if itself else None)
    found = [len(np.intersect1d(one, other)) for one, other in zip(true.index, index[probes])]
    return Neighbours(index, distance, float(np.sum(found)) / max(true.index.size, 1))


def _without_itself(index: np.ndarray, k: int) -> np.ndarray:
    """The first k of each row that are not the row's own point (point, k)."""
    other = index != np.arange(len(index))[:, None]
    place = np.argsort(~other, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(index, place, axis=1)
