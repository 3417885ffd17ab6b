"""How much a layout changes from seed to seed, and from subsample to subsample.

A layout may be turned, mirrored, moved and scaled without meaning anything else, so that is undone first (Procrustes).
What remains is told in two ways: how far samples move, and whether they keep their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

NEIGHBOURS = 15


@dataclass(frozen=True, eq=False)
class Stability:
    """Agreement of layouts of the same samples.

    Attributes:
        spread: root mean square distance of two layouts after alignment, as a share of the layout's own spread: 0 is
            the same layout, the square root of 2 is none in common; one value a pair (pair,).
        overlap: share of a sample's nearest neighbours that two layouts have in common, mean over samples (pair,).
        by_sample: mean distance of a sample between aligned layouts, as a share of the spread (sample,); NaN for one
            that no two layouts have.
        pairs: which two layouts (pair, 2).
    """

    spread: np.ndarray
    overlap: np.ndarray
    by_sample: np.ndarray
    pairs: np.ndarray


def align(moving: np.ndarray, fixed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both layouts (sample, dimension) centred and of spread 1, the first turned or mirrored onto the second.

    Schonemann 1966 (doi:10.1007/BF02289451): the orthogonal matrix nearest to taking one to the other.
    """
    one, two = _standard(moving), _standard(fixed)
    left, _, right = np.linalg.svd(one.T @ two)
    return one @ left @ right, two


def stability(
    layouts: Sequence[np.ndarray], *, members: Sequence[np.ndarray] | None = None, k: int = NEIGHBOURS
) -> Stability:
    """Compare layouts pair by pair on the samples that both have.

    Args:
        layouts: each (sample, dimension); of one number of dimensions, two or more of them.
        members: which samples each layout has (sample,), for subsamples; the same in all by default.
        k: neighbours compared, fewer where there are not twice as many samples.

    Raises:
        ValueError: fewer than two layouts, or two without three samples in common.
    """
    if len(layouts) < 2:
        raise ValueError("stability is of two layouts or more")
    who = [np.arange(len(layout)) for layout in layouts] if members is None else [np.asarray(m) for m in members]
    n_samples = max(int(one.max()) for one in who) + 1
    moved, seen = np.zeros(n_samples), np.zeros(n_samples)
    spread, overlap, pairs = [], [], list(combinations(range(len(layouts)), 2))
    for first, second in pairs:
        both, one, two = np.intersect1d(who[first], who[second], return_indices=True)
        if len(both) < 3:
            raise ValueError(f"layouts {first} and {second} have {len(both)} samples in common; 3 are needed")
        a, b = align(layouts[first][one], layouts[second][two])
        distance = np.linalg.norm(a - b, axis=1)
        spread.append(float(np.sqrt((distance**2).mean())))
        overlap.append(neighbour_overlap(a, b, k=k))
        moved[both] += distance
        seen[both] += 1
    by_sample = np.divide(moved, seen, out=np.full(n_samples, np.nan), where=seen > 0)
    return Stability(np.array(spread), np.array(overlap), by_sample, np.array(pairs))


def neighbour_overlap(first: np.ndarray, second: np.ndarray, *, k: int = NEIGHBOURS) -> float:
    """Share of the k nearest neighbours that two layouts of the same samples have in common, mean over samples."""
    n = max(1, min(k, (len(first) - 1) // 2))
    one, two = _nearest(first, n), _nearest(second, n)
    return float(np.mean([len(np.intersect1d(a, b, assume_unique=True)) / n for a, b in zip(one, two)]))


def _nearest(layout: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other samples of each (sample, k)."""
    square = (layout**2).sum(axis=1)
    distance = square[:, None] + square - 2 * (layout @ layout.T)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, :k]


def _standard(layout: np.ndarray) -> np.ndarray:
    """Mean 0, and root mean square distance from it 1; zeros where all samples are in one place."""
    centred = layout - layout.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=1).mean())
    return centred / size if size > 0 else centred
