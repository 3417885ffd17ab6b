"""Anchors between two sets of cells: mutual nearest neighbours, filtered and scored (Stuart et al. 2019, Cell 177)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from chiasma.core.errors import InsufficientDataError
from chiasma.stats.graphs.knn import nearest, nearest_others
from chiasma.stats.graphs.wnn import unit_rows

PER_COMPONENT = 100
"""Most features that one component brings to the filter, half from each end."""
FEWEST_FEATURES = 200
"""The filter's features are fewer than this, or than twice the components."""


@dataclass(frozen=True)
class AnchorRules:
    """Sizes of neighbourhoods.

    Attributes:
        k_anchor: neighbours in the other set within which two cells must find each other.
        k_filter: neighbours, in the measured features, within which an anchor must hold; 0 leaves the filter out.
        k_score: neighbours in either set whose overlap scores an anchor.
    """

    k_anchor: int = 5
    k_filter: int = 200
    k_score: int = 30


@dataclass(frozen=True, eq=False)
class Anchors:
    """Pairs of cells in the same state.

    Attributes:
        first: place in the first set (anchor,).
        second: place in the second set (anchor,).
        score: shared neighbourhood, 0 to 1 (anchor,).
        found: mutual neighbours before the filter.
        filtered: whether the filter was applied; it is not where a set has fewer cells than it looks at.
    """

    first: np.ndarray
    second: np.ndarray
    score: np.ndarray
    found: int
    filtered: bool

    def __len__(self) -> int:
        return len(self.first)


def find_anchors(
    first: np.ndarray,
    second: np.ndarray,
    rules: AnchorRules,
    *,
    measured: tuple[np.ndarray, np.ndarray] | None = None,
) -> Anchors:
    """Mutual nearest neighbours of two sets, filtered in the measured features, scored by shared neighbours.

    Args:
        first: cells in the common space, usually of unit length (cell, component).
        second: the other set (cell, component).
        rules: sizes, lowered to what the sets hold.
        measured: values of the filter's features in both sets (cell, feature); None leaves the filter out.

    Raises:
        InsufficientDataError: no pair of cells is mutual, or none is left by the filter.
    """
    widest = max(rules.k_anchor, rules.k_score)
    across, back = nearest(first, second, widest).index, nearest(second, first, widest).index
    pairs = _mutual(across[:, : rules.k_anchor], back[:, : rules.k_anchor])
    found = len(pairs)
    filtered = measured is not None and 0 < rules.k_filter <= min(len(first), len(second))
    if filtered and found:
        assert measured is not None
        pairs = _still_near(pairs, *measured, rules.k_filter)
    if not len(pairs):
        raise InsufficientDataError(
            "no anchor between the two sets",
            got=f"{found} mutual neighbours before the filter",
            expected="sets that share cell states",
            do="raise k_anchor, or look whether both sets measure the same tissue and genes",
        )
    score = _scores(pairs, first, second, across, back, rules.k_score)
    return Anchors(pairs[:, 0], pairs[:, 1], score, found, filtered)


def _mutual(across: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Pairs that are among each other's neighbours, by cell of the first set and nearness (pair, 2)."""
    cells = np.repeat(np.arange(len(across)), across.shape[1])
    others = across.ravel()
    return np.column_stack([cells, others])[(back[others] == cells[:, None]).any(axis=1)]


def _still_near(pairs: np.ndarray, first: np.ndarray, second: np.ndarray, k: int) -> np.ndarray:
    near = nearest(unit_rows(first), unit_rows(second), k).index
    return pairs[(near[pairs[:, 0]] == pairs[:, 1:]).any(axis=1)]


def _scores(
    pairs: np.ndarray, first: np.ndarray, second: np.ndarray, across: np.ndarray, back: np.ndarray, k: int
) -> np.ndarray:
    """Neighbours that both cells of an anchor share, in either set, between the 1st and 90th percentile (anchor,)."""
    total = len(first) + len(second)
    around_first = _members([nearest_others(first, k).index[:, : k - 1], across[:, :k] + len(first)], total)
    around_second = _members([back[:, :k], nearest_others(second, k).index[:, : k - 1] + len(first)], total)
    # A cell is the first of its own k neighbours, in its own set.
    around_first = around_first + sp.eye_array(len(first), total, format="csr")
    around_second = around_second + sp.eye_array(len(second), total, k=len(first), format="csr")
    shared = np.asarray(around_first[pairs[:, 0]].multiply(around_second[pairs[:, 1]]).sum(axis=1)).ravel()
    low, high = np.quantile(shared, [0.01, 0.9])
    if high <= low:
        return np.ones(len(pairs))
    return np.clip((shared - low) / (high - low), 0.0, 1.0)


def _members(blocks: list[np.ndarray], total: int) -> sp.csr_array:
    index = np.hstack(blocks)
    rows = np.repeat(np.arange(len(index)), index.shape[1])
    return sp.csr_array((np.ones(index.size), (rows, index.ravel())), shape=(len(index), total))


def leading_features(loadings: np.ndarray) -> np.ndarray:
    """Features with the largest loadings, as many from each component and each end as keep the union small.

    Args:
        loadings: (feature, component).

    Returns:
        Places of the features, increasing: the largest even number a component whose union stays below 200, or
        twice the components.
    """
    most = max(2 * loadings.shape[1], FEWEST_FEATURES)
    order = np.argsort(loadings, axis=0, kind="stable")
    chosen = np.zeros(0, dtype=np.int64)
    for count in range(1, PER_COMPONENT + 1):
        half = max(round(count / 2), 1)
        union = np.unique(np.concatenate([order[:half].ravel(), order[-half:].ravel()]))
        if len(union) >= most:
            break
        chosen = union
    return chosen if len(chosen) else np.arange(len(loadings))


def transfer_weights(space: np.ndarray, anchors: Anchors, *, k_weight: int, sd_weight: float = 1.0) -> sp.csr_array:
    """Say of each anchor in each cell of the second set (anchor, cell); columns sum to 1.

    Args:
        space: the second set in a space of its own (cell, dimension).
        anchors: between the two sets.
        k_weight: anchor cells near a cell that have a say; lowered to the anchor cells there are.
        sd_weight: bandwidth of the kernel.
    """
    cells = np.unique(anchors.second)
    k_weight = min(k_weight, len(cells))
    near = nearest(space, space[cells], k_weight)
    farthest = near.distance[:, -1:]
    closeness = 1.0 - np.divide(near.distance, farthest, out=np.zeros_like(near.distance), where=farthest > 0)
    of_cell = np.argsort(anchors.second, kind="stable")
    begin = np.searchsorted(anchors.second[of_cell], cells)
    count = np.diff(np.append(begin, len(of_cell)))
    # Each near anchor cell brings all its anchors, and a cell listens to k_weight anchors at most.
    sizes = count[near.index]
    ends = np.minimum(np.cumsum(sizes, axis=1), k_weight)
    taken = np.diff(ends, axis=1, prepend=0)
    column, place = np.nonzero(taken > 0)
    repeats = taken[column, place]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    row = of_cell[np.repeat(begin[near.index[column, place]], repeats) + within]
    strength = np.repeat(closeness[column, place], repeats) * anchors.score[row]
    weight = 1.0 - np.exp(-strength / (2.0 / sd_weight) ** 2)
    column = np.repeat(column, repeats)
    total = np.bincount(column, weights=weight, minlength=len(space))
    silent = total[column] <= 0  # every anchor within reach has score 0: they have an equal say
    weight = np.where(silent, 1.0, weight)
    total = np.bincount(column, weights=weight, minlength=len(space))
    return sp.csr_array((weight / total[column], (row, column)), shape=(len(anchors), len(space)))


def correct(first: np.ndarray, second: np.ndarray, anchors: Anchors, weights: sp.csr_array) -> np.ndarray:
    """The second set less its weighted difference from the first over the anchors (cell, feature)."""
    gap = second[anchors.second] - first[anchors.first]
    return second - weights.T @ gap


def cell_shares(anchors: Anchors, weights: sp.csr_array, n_first: int) -> sp.csr_array:
    """Say of each cell of the first set in each cell of the second (cell, cell of the first); rows sum to 1."""
    ends = (np.ones(len(anchors)), (np.arange(len(anchors)), anchors.first))
    return sp.csr_array(weights.T @ sp.csr_array(ends, shape=(len(anchors), n_first)))
