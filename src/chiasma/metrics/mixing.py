"""How well sets of cells are mixed in an embedding, and how well cell types stay apart in it.

All take neighbours as arrays, so that one search serves every figure.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

PERPLEXITY = 30.0
"""Effective neighbours of the local inverse Simpson index (Korsunsky 2019); three times as many are looked at."""
REJECT = 0.05
"""Level of the test of each neighbourhood's composition (Büttner 2019)."""
_LARGEST_SILHOUETTE = 5000


def local_simpson(distance: np.ndarray, labels: np.ndarray, *, perplexity: float = PERPLEXITY) -> np.ndarray:
    """Local inverse Simpson index: the effective number of labels around each cell (cell,), from 1.

    Args:
        distance: to each cell's neighbours, without itself (cell, neighbour).
        labels: of those neighbours, integers from 0 (cell, neighbour).
        perplexity: effective number of neighbours; lowered to a third of those there are.
    """
    weight = _perplexed(distance, min(perplexity, max(distance.shape[1] / 3, 1.0)))
    index = np.zeros(len(distance))
    for label in range(int(labels.max(initial=0)) + 1):
        index += (weight * (labels == label)).sum(axis=1) ** 2
    return 1.0 / index


def _perplexed(distance: np.ndarray, perplexity: float) -> np.ndarray:
    """Gaussian weights of each row with the wanted perplexity (cell, neighbour), by bisection on the precision."""
    gap = distance - distance.min(axis=1, keepdims=True)
    low, high = np.zeros(len(distance)), np.full(len(distance), np.inf)
    scale = gap.mean(axis=1)
    precision = 1.0 / np.maximum(scale, 1e-12)
    target = np.log(perplexity)
    weight = np.ones_like(gap)
    for _ in range(60):
        weight = np.exp(-gap * precision[:, None])
        total = weight.sum(axis=1)
        entropy = np.log(total) + precision * (gap * weight).sum(axis=1) / total
        flat = entropy > target  # too many neighbours have a say
        low, high = np.where(flat, precision, low), np.where(flat, high, precision)
        precision = np.where(np.isinf(high), precision * 2, (low + high) / 2)
    return weight / weight.sum(axis=1, keepdims=True)


def composition_acceptance(labels: np.ndarray, share: np.ndarray) -> float:
    """Share of neighbourhoods that hold the labels as the whole does, by a chi-square test of each (kBET's idea).

    Args:
        labels: of each cell's neighbours, integers from 0 (cell, neighbour).
        share: of each label among all cells (label,).
    """
    if len(share) < 2:
        return float("nan")
    expected = labels.shape[1] * share
    observed = np.stack([(labels == label).sum(axis=1) for label in range(len(share))], axis=1)
    statistic = ((observed - expected) ** 2 / expected).sum(axis=1)
    return float((statistic <= chi2.ppf(1 - REJECT, len(share) - 1)).mean())


def mixing(index: np.ndarray, distance: np.ndarray, sets: np.ndarray) -> dict[str, float]:
    """Figures of how sets mix, each from 0 (apart) to 1 (mixed).

    Args:
        index: neighbours of each cell (cell, neighbour).
        distance: to them.
        sets: code of each cell's set, from 0 (cell,).

    Returns:
        `ilisi`: median effective number of sets around a cell, less one, over the sets less one;
        `kbet`: share of neighbourhoods with the composition of the whole.
    """
    share = np.bincount(sets) / len(sets)
    found = np.median(local_simpson(distance, sets[index]))
    return {
        "ilisi": float((found - 1) / (len(share) - 1)) if len(share) > 1 else float("nan"),
        "kbet": composition_acceptance(sets[index], share),
    }


def neighbours_kept(before: np.ndarray, after: np.ndarray) -> float:
    """Mean share of each cell's neighbours that it keeps, places of neighbours before and after (cell, neighbour)."""
    same = (before[:, :, None] == after[:, None, :]).any(axis=2)
    return float(same.mean()) if same.size else float("nan")


def conservation(index: np.ndarray, distance: np.ndarray, types: np.ndarray, embedding: np.ndarray) -> dict[str, float]:
    """Figures of how cell types stay apart, each from 0 (blurred) to 1 (apart).

    Args:
        index: neighbours of each cell (cell, neighbour).
        distance: to them.
        types: code of each cell's type, from 0 (cell,).
        embedding: where the cells lie (cell, dimension).

    Returns:
        `clisi`: types less the median effective number of types around a cell, over the types less one;
        `silhouette`: mean silhouette width of types, moved to 0..1; `ari`: adjusted Rand index of k-means clusters,
        as many as types, with the types.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    n_types = int(types.max()) + 1
    if n_types < 2:
        return {"clisi": float("nan"), "silhouette": float("nan"), "ari": float("nan")}
    found = np.median(local_simpson(distance, types[index]))
    step = -(-len(types) // _LARGEST_SILHOUETTE)  # every step-th cell: the silhouette takes all pairs
    some = np.arange(0, len(types), step)
    several = 1 < len(np.unique(types[some])) < len(some)
    width = silhouette_score(embedding[some], types[some]) if several else float("nan")
    clusters = KMeans(n_types, n_init=5, random_state=0).fit_predict(embedding)
    return {
        "clisi": float((n_types - found) / (n_types - 1)),
        "silhouette": float((width + 1) / 2),
        "ari": float(adjusted_rand_score(types, clusters)),
    }
