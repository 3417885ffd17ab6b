"""Weighted nearest neighbours over any number of modalities (Hao et al. 2021, Cell 184, Methods).

Each cell gets a weight for each modality, by how well the cell's neighbours there predict what was measured there,
compared with how well its neighbours in the other modalities do; neighbours are then sought by the weighted sum of
kernels. A cell that a modality did not measure has weight 0 there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse as sp

from chiasma.stats.graphs.knn import EXACT_UP_TO, Neighbours, nearest, nearest_others, pair_distances

CROSS_FLOOR = 1e-4
"""Added to the affinity across modalities before dividing by it (Seurat)."""
HIGHEST_RATIO = 200.0
"""Ratios of affinities are cut here (Seurat)."""


@dataclass(frozen=True)
class WnnRules:
    """Sizes of neighbourhoods.

    Attributes:
        k: neighbours of a cell, itself included, and neighbours in the joint graph.
        reach: neighbours in each modality that are candidates for the joint graph.
        exact_up_to: cells up to which neighbours are exact.
        seed: root of the approximate search.
    """

    k: int = 20
    reach: int = 200
    exact_up_to: int = EXACT_UP_TO
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Modality:
    """One modality of the training cells.

    Attributes:
        points: unit vectors of all cells (cell, dimension); rows of NaN where not measured.
        cells: which cells were measured (measured,), increasing.
        near: neighbours of the measured cells without themselves, as places among all cells.
    """

    points: np.ndarray
    cells: np.ndarray
    near: Neighbours


@dataclass(frozen=True, eq=False)
class Seen:
    """How some cells, of the training or new, stand to the training cells in one modality.

    Attributes:
        points: unit vectors (cell, dimension).
        cells: which were measured.
        near: neighbours of the measured ones.
        nearest: distance to the first of them (measured,).
        bandwidth: of the kernel (measured,).
    """

    points: np.ndarray
    cells: np.ndarray
    near: Neighbours
    nearest: np.ndarray
    bandwidth: np.ndarray


@dataclass(frozen=True, eq=False)
class Joint:
    """Joint neighbours.

    Attributes:
        views: names of the modalities.
        weights: of each modality (cell, view); rows sum to 1.
        index: neighbours among the training cells, most similar first (cell, neighbour); -1 where there is none.
        similarity: weighted sum of kernels, 0 to 1 (cell, neighbour).
        recall: of the neighbour search in each modality.
    """

    views: tuple[str, ...]
    weights: np.ndarray
    index: np.ndarray
    similarity: np.ndarray
    recall: dict[str, float]

    @property
    def distance(self) -> np.ndarray:
        """The square root of half of what the similarity lacks to 1 (cell, neighbour), as Seurat keeps it."""
        return np.sqrt(np.clip((1.0 - self.similarity) / 2.0, 0.0, 1.0))


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Rows divided by their length (cell, dimension); a row of zeros stays."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.zeros_like(values), where=~(length == 0))


def learn_modalities(embeddings: Mapping[str, np.ndarray], rules: WnnRules) -> dict[str, Modality]:
    """Neighbours of the training cells in each modality.

    Args:
        embeddings: (cell, dimension) by name; a row of NaN where the modality did not measure the cell.
        rules: sizes, lowered to what there are cells for.
    """
    found = {}
    for name, values in embeddings.items():
        points = unit_rows(np.asarray(values, np.float64))
        cells = np.flatnonzero(~np.isnan(points).any(axis=1))
        most = max(rules.k - 1, rules.reach)
        near = nearest_others(points[cells], most, exact_up_to=rules.exact_up_to, seed=rules.seed)
        found[name] = Modality(points, cells, Neighbours(cells[near.index], near.distance, near.recall))
    return found


def join_training(learnt: Mapping[str, Modality], rules: WnnRules) -> Joint:
    """Weights and joint neighbours of the training cells themselves."""
    seen = {}
    for name, one in learnt.items():
        graph = _adjacency(one.near.index[:, : rules.k - 1], one.cells, len(one.points))
        seen[name] = _see(one, one.points, one.cells, one.near, graph, graph, rules)
    return _join(learnt, seen, rules)


def join_new(learnt: Mapping[str, Modality], embeddings: Mapping[str, np.ndarray], rules: WnnRules) -> Joint:
    """Weights and joint neighbours of new cells among the training cells; a modality may be absent as a whole.

    A new cell has no place in the training graph: the cell and its nearest k - 1 stand for its neighbourhood.
    """
    seen = {}
    for name, values in embeddings.items():
        one = learnt[name]
        points = unit_rows(np.asarray(values, np.float64))
        cells = np.flatnonzero(~np.isnan(points).any(axis=1))
        most = max(rules.k - 1, rules.reach)
        near = nearest(points[cells], one.points[one.cells], most, exact_up_to=rules.exact_up_to, seed=rules.seed)
        near = Neighbours(one.cells[near.index], near.distance, near.recall)
        training = _adjacency(one.near.index[:, : rules.k - 1], one.cells, len(one.points))
        graph = _adjacency(near.index[:, : rules.k - 1], None, len(one.points))
        seen[name] = _see(one, points, cells, near, graph, training, rules)
    return _join(learnt, seen, rules)


def graph_of(joint: Joint, n_cells: int) -> sp.csr_matrix:
    """The symmetric union of the joint neighbours of training cells (cell, cell), entries 1."""
    row, place = np.nonzero(joint.index >= 0)
    ones = np.ones(len(row))
    graph = sp.csr_matrix((ones, (row, joint.index[row, place])), shape=(n_cells, n_cells))
    return sp.csr_matrix(graph.maximum(graph.T))


def shared_neighbour_graph(joint: Joint, n_cells: int, *, prune: float = 1 / 15) -> sp.csr_matrix:
    """Jaccard index of the joint neighbourhoods, each cell in its own (cell, cell); below `prune` left out."""
    row, place = np.nonzero(joint.index >= 0)
    index = joint.index[row, place]
    data = np.ones(len(row) + n_cells)
    cells = np.arange(n_cells)
    places = (np.concatenate([row, cells]), np.concatenate([index, cells]))
    member = sp.csr_matrix((data, places), shape=(n_cells, n_cells))
    shared = (member @ member.T).tocoo()
    size = np.asarray(member.sum(axis=1)).ravel()
    jaccard = shared.data / (size[shared.row] + size[shared.col] - shared.data)
    keep = jaccard >= prune
    return sp.csr_matrix((jaccard[keep], (shared.row[keep], shared.col[keep])), shape=(n_cells, n_cells))


def _adjacency(index: np.ndarray, itself: np.ndarray | None, n_points: int) -> sp.csr_matrix:
    """Which points are in each row's neighbourhood (row, point), itself too where it is one of the points."""
    if itself is not None:
        index = np.column_stack([itself, index])
    rows = np.repeat(np.arange(len(index)), index.shape[1])
    return sp.csr_matrix((np.ones(index.size, np.int32), (rows, index.ravel())), shape=(len(index), n_points))


def _see(
    one: Modality,
    points: np.ndarray,
    cells: np.ndarray,
    near: Neighbours,
    graph: sp.csr_matrix,
    training: sp.csr_matrix,
    rules: WnnRules,
) -> Seen:
    first = near.distance[:, 0] if near.distance.shape[1] else np.zeros(len(cells))
    bandwidth = _bandwidth(one, points[cells], first, graph, training, rules.k)
    return Seen(points, cells, near, first, bandwidth)


def _bandwidth(
    one: Modality, points: np.ndarray, first: np.ndarray, graph: sp.csr_matrix, training: sp.csr_matrix, k: int
) -> np.ndarray:
    """Mean distance to the k cells that share the fewest neighbours, but share some (row,).

    With ties at the k-th the k farthest are taken of all that tie, as Seurat does. Distances are beyond the nearest
    neighbour's.
    """
    shared = sp.csr_matrix(graph @ training.T)
    return _mean_of_farthest(shared.indptr, one.cells[shared.indices], shared.data, points, one.points, first, k)


@numba.njit(cache=True)
def _mean_of_farthest(
    begin: np.ndarray,
    column: np.ndarray,
    count: np.ndarray,
    points: np.ndarray,
    training: np.ndarray,
    first: np.ndarray,
    k: int,
) -> np.ndarray:
    """The mean of `_bandwidth`, from the shared neighbours as the parts of a CSR matrix (row,)."""
    found = np.zeros(len(points))
    for row in range(len(points)):
        here = count[begin[row] : begin[row + 1]]
        if not len(here):
            continue
        last = np.sort(here)[min(k, len(here)) - 1]
        gaps = np.empty(len(here))
        kept = 0
        for entry in range(begin[row], begin[row + 1]):
            if count[entry] <= last:
                total = 0.0
                for axis in range(points.shape[1]):
                    gap = points[row, axis] - training[column[entry], axis]
                    total += gap * gap
                gaps[kept] = max(np.sqrt(total) - first[row], 0.0)
                kept += 1
        some = np.sort(gaps[:kept])[max(kept - k, 0) :]
        found[row] = some.sum() / len(some)
    return found


def _kernel(distance: np.ndarray, first: np.ndarray, bandwidth: np.ndarray) -> np.ndarray:
    """Affinity at distances beyond the nearest neighbour; without a spread, 1 at no distance and 0 beyond."""
    beyond = np.maximum(distance - first, 0.0)
    scaled = np.divide(beyond, bandwidth, out=np.where(beyond > 0, np.inf, 0.0), where=bandwidth > 0)
    return np.exp(-scaled)


def _means_of_neighbours(points: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Mean unit vector of those neighbours that were measured (row, dimension); NaN where none was."""
    measured = np.asarray(~np.isnan(points).any(axis=1))
    rows = np.repeat(np.arange(len(index)), index.shape[1])
    member = measured[index.ravel()]
    weight = sp.csr_matrix((member.astype(np.float64), (rows, index.ravel())), shape=(len(index), len(points)))
    size = np.asarray(weight.sum(axis=1))
    total = weight @ np.where(measured[:, None], points, 0.0)
    return np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0)


def _weights(learnt: Mapping[str, Modality], seen: Mapping[str, Seen], rules: WnnRules) -> np.ndarray:
    """Share of each modality in each cell (cell, view): a softmax over sums of ratios' exponentials."""
    names = list(seen)
    n_cells = len(next(iter(seen.values())).points)
    place = {name: np.full(n_cells, -1) for name in names}
    for name in names:
        place[name][seen[name].cells] = np.arange(len(seen[name].cells))
    logs = np.full((n_cells, len(names)), -np.inf)
    for column, name in enumerate(names):
        one = seen[name]
        if not one.near.index.shape[1]:
            continue
        own = one.points[one.cells]
        within = _means_of_neighbours(learnt[name].points, one.near.index[:, : rules.k - 1])
        inside = _kernel(pair_distances(own, within), one.nearest, one.bandwidth)
        for other in names:
            if other == name or not seen[other].near.index.shape[1]:
                continue
            row = place[other][one.cells]
            both = np.flatnonzero(row >= 0)
            across = _means_of_neighbours(learnt[name].points, seen[other].near.index[row[both], : rules.k - 1])
            outside = _kernel(pair_distances(own[both], across), one.nearest[both], one.bandwidth[both])
            score = np.clip(inside[both] / (outside + CROSS_FLOOR), 0.0, HIGHEST_RATIO)
            cells, known = one.cells[both], ~np.isnan(score)
            logs[cells[known], column] = np.logaddexp(logs[cells[known], column], score[known])
    measured = np.column_stack([place[name] >= 0 for name in names])
    silent = np.asarray(
        np.isneginf(logs).all(axis=1)
    )  # in one modality only, or without a neighbour that others measured
    logs = np.where(silent[:, None], np.where(measured, 0.0, -np.inf), logs)
    top = logs.max(axis=1, keepdims=True)
    power = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
    total = power.sum(axis=1, keepdims=True)
    return np.divide(power, total, out=np.zeros_like(power), where=total > 0)


def _join(learnt: Mapping[str, Modality], seen: Mapping[str, Seen], rules: WnnRules) -> Joint:
    names = list(seen)
    weights = _weights(learnt, seen, rules)
    n_cells = len(weights)
    ends = np.cumsum([0, *(seen[name].points.shape[1] for name in names)])
    first, bandwidth = np.zeros((n_cells, len(names))), np.zeros((n_cells, len(names)))
    candidates = []
    for place, name in enumerate(names):
        one = seen[name]
        first[one.cells, place], bandwidth[one.cells, place] = one.nearest, one.bandwidth
        near = np.full((n_cells, min(rules.reach, one.near.index.shape[1])), -1, dtype=np.int64)
        near[one.cells] = one.near.index[:, : rules.reach]
        candidates.append(near)
    points = np.hstack([seen[name].points for name in names])
    training = np.hstack([learnt[name].points for name in names])
    index, similarity = _most_similar(
        points, training, ends, np.hstack(candidates), weights, np.stack([first, bandwidth]), rules.k
    )
    some = np.flatnonzero((index >= 0).any(axis=0))
    recall = {name: seen[name].near.recall for name in names}
    return Joint(tuple(names), weights, index[:, some], similarity[:, some], recall)


@numba.njit(cache=True)
def _affinity(point: np.ndarray, other: np.ndarray, ends: np.ndarray, weights: np.ndarray, kernel: np.ndarray) -> float:
    """Weighted sum of the kernels of two cells over the modalities that measured both."""
    value, shared = 0.0, 0.0
    for view in range(len(weights)):
        total = 0.0
        for axis in range(ends[view], ends[view + 1]):
            gap = point[axis] - other[axis]
            total += gap * gap
        if np.isnan(total):
            continue
        beyond = np.sqrt(total) - kernel[0, view]
        shared += weights[view]
        if beyond <= 0:
            value += weights[view]
        elif kernel[1, view] > 0:
            value += weights[view] * np.exp(-beyond / kernel[1, view])
    return value / shared if 0 < shared < 1 - 1e-12 else value


@numba.njit(cache=True)
def _most_similar(
    points: np.ndarray,
    training: np.ndarray,
    ends: np.ndarray,
    candidates: np.ndarray,
    weights: np.ndarray,
    kernel: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The k candidates of largest similarity, ties by index (cell, k), and their similarity; -1 and 0 where none.

    Args:
        points: unit vectors of all modalities side by side (cell, dimension), NaN where not measured.
        training: those of the training cells.
        ends: where each modality begins in them, and the last ends.
        candidates: training cells to choose from, -1 for none; may repeat (cell, candidate).
        weights: of the modalities (cell, view).
        kernel: distance to the nearest neighbour, and bandwidth (2, cell, view).
        k: how many.
    """
    n_cells = len(weights)
    index = np.full((n_cells, k), -1, dtype=np.int64)
    similarity = np.zeros((n_cells, k))
    last_seen = np.full(len(training), -1, dtype=np.int64)
    for cell in range(n_cells):
        kept = 0
        for other in candidates[cell]:
            if other < 0 or last_seen[other] == cell:
                continue
            last_seen[other] = cell
            value = _affinity(points[cell], training[other], ends, weights[cell], kernel[:, cell])
            place = min(kept, k)
            while place > 0 and (
                value > similarity[cell, place - 1]
                or (value == similarity[cell, place - 1] and other < index[cell, place - 1])
            ):
                if place < k:
                    similarity[cell, place], index[cell, place] = similarity[cell, place - 1], index[cell, place - 1]
                place -= 1
            if place < k:
                similarity[cell, place], index[cell, place] = value, other
                kept = min(kept + 1, k)
    return index, similarity
