"""Principal components of a centred matrix, dense or sparse, also where values are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd

from chiasma.stats.pls.sgcca import keep_largest

_SMALL = 600
"""Up to this many samples or features a whole decomposition; beyond, the leading part of the smaller Gram matrix."""
_RANK = 1e-7
"""Singular values below this share of the first are rounding error (of a Gram matrix, its square root)."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A matrix without holes (sample, feature), and how it was reached."""

    values: np.ndarray
    iterations: int
    converged: bool


def leading_part(values: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors (feature, component) and singular values (component,), at most the rank of them.

    The largest entry of every vector is positive.
    """
    n, p = values.shape
    most = min(n_components, n, p)
    if min(n, p) <= _SMALL:
        _, sizes, right = svd(values, full_matrices=False, check_finite=False)
        sizes, vectors = sizes[:most], right[:most].T
    else:
        gram = values @ values.T if n < p else values.T @ values
        squares, vectors = eigh(gram, subset_by_index=[len(gram) - most, len(gram) - 1], check_finite=False)
        sizes, vectors = np.sqrt(np.maximum(squares[::-1], 0.0)), vectors[:, ::-1]
        if n < p:
            vectors = values.T @ vectors / np.where(sizes > 0, sizes, 1.0)
    kept = sizes > _RANK * sizes.max(initial=0.0)
    return point_up(vectors[:, kept]), sizes[kept]


def point_up(vectors: np.ndarray) -> np.ndarray:
    """Columns (feature, component) with signs such that the largest entry is positive."""
    if not vectors.size:
        return vectors
    top = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return vectors * np.where(top < 0, -1.0, 1.0)


def reliability(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Share of each component's variance that is not noise (component,), noise being that of what they leave.

    Args:
        values: centred (sample, feature).
        sizes: leading singular values (component,).

    Source: Josse & Husson 2012 (J. Soc. Fr. Stat. 153:79), section 3; the residual's degrees of freedom are what is
    left to samples and features beside as many components.
    """
    (n, p), k = values.shape, len(sizes)
    freedom = (n - 1 - k) * (p - k)
    if freedom <= 0:
        return np.zeros(k)
    left = max(float((values**2).sum() - (sizes**2).sum()), 0.0)
    noise = left * n * p / min(p, n - 1) / freedom
    return np.maximum(1.0 - noise / sizes**2, 0.0)


def fill_holes(
    values: np.ndarray, observed: np.ndarray, n_components: int, *, tolerance: float, max_iterations: int
) -> Filled:
    """Fill holes with what the components say, each by as much as it can be relied on, again and again.

    With as many components as samples or features there is nothing to go by, and holes stay at the mean.

    Args:
        values: centred, holes 0 (sample, feature).
        observed: 1 where measured, else 0 (sample, feature).
        n_components: rank of what is filled in.
        tolerance: stop when the filled values change by less than this share of all values' size.
        max_iterations: or after so many rounds.

    Source: regularised iterative principal components, Josse & Husson 2012 (J. Soc. Fr. Stat. 153:79), section 3.
    """
    holes = observed == 0
    filled = values.copy()
    size = float((values**2).sum())
    for iteration in range(1, max_iterations + 1):
        vectors, sizes = leading_part(filled, n_components)
        told = ((filled @ vectors) * reliability(filled, sizes) @ vectors.T)[holes]
        change = float(((told - filled[holes]) ** 2).sum())
        filled[holes] = told
        if change <= tolerance**2 * size:
            return Filled(filled, iteration, True)
    return Filled(filled, max_iterations, False)


def sparse_part(
    values: np.ndarray, keep: tuple[int, ...], *, tolerance: float, max_iterations: int
) -> tuple[np.ndarray, list[int], list[bool]]:
    """Unit vectors (feature, component) of few entries, one after the other from what the earlier ones leave.

    Args:
        values: centred (sample, feature).
        keep: entries of each vector that are not zero.
        tolerance: largest squared change of a vector at convergence.
        max_iterations: sweeps for one component.

    Returns:
        The vectors, at most the rank of `values`; sweeps and whether it stood still, of each.

    Source: Shen & Huang 2008 (doi 10.1016/j.jmva.2007.06.007), algorithm 1, soft thresholding by the number kept.
    """
    left, whole = values, float((values**2).sum())
    vectors, sweeps, settled = [], [], []
    for number in keep:
        begin, sizes = leading_part(left, 1)
        if not len(sizes) or (left**2).sum() <= 1e-22 * whole:
            break
        vector, converged, sweep = begin[:, 0], False, 0
        while not converged and sweep < max_iterations:
            scores = left @ vector
            pulled = keep_largest(left.T @ (scores / np.linalg.norm(scores)), number)
            updated = pulled / np.linalg.norm(pulled)
            converged = float(((updated - vector) ** 2).sum()) < tolerance
            vector, sweep = updated, sweep + 1
        scores = left @ vector
        scores /= np.linalg.norm(scores)
        left = left - np.outer(scores, keep_largest(left.T @ scores, number))
        vectors.append(vector)
        sweeps.append(sweep)
        settled.append(converged)
    found = np.stack(vectors, axis=1) if vectors else np.zeros((values.shape[1], 0))
    return point_up(found), sweeps, settled


def place_samples(
    values: np.ndarray, observed: np.ndarray | None, vectors: np.ndarray, trust: np.ndarray
) -> np.ndarray:
    """Scores (sample, component) with which `vectors` come closest to each sample.

    A hole is taken to be what the scores themselves say of it, each component by as much as `trust` (component,): what
    is found is where `fill_holes` stands still.

    Args:
        values: centred, holes 0 (sample, feature).
        observed: 1 where measured, else 0 (sample, feature); None if all were.
        vectors: unit columns, not necessarily orthogonal (feature, component).
        trust: `reliability` of the components (component,).
    """
    product, gram = values @ vectors, vectors.T @ vectors
    if observed is None:
        return product @ np.linalg.pinv(gram, hermitian=True)
    hidden = np.stack([(1 - observed) @ (vectors[:, [j]] * vectors) for j in range(vectors.shape[1])], axis=1)
    inverse = np.linalg.pinv(gram - hidden * trust, rcond=1e-10)  # of rank below k where little is seen
    return np.einsum("njk,nk->nj", inverse, product)


def variance_shares(
    values: np.ndarray, observed: np.ndarray | None, vectors: np.ndarray, trust: np.ndarray
) -> np.ndarray:
    """How much of the sum of squares of what is seen each further component explains (component,).

    Components that are not orthogonal are not counted twice: each adds what the earlier ones left. Arguments as in
    `place_samples`.
    """
    total = float((values**2).sum())
    explained = [0.0]
    for number in range(1, vectors.shape[1] + 1):
        some = vectors[:, :number]
        left = values - place_samples(values, observed, some, trust[:number]) @ some.T
        left = left if observed is None else left * observed
        explained.append(1.0 - float((left**2).sum()) / total)
    return np.diff(explained)


def feature_correlations(values: np.ndarray, observed: np.ndarray | None, scores: np.ndarray) -> np.ndarray:
    """Pearson correlation of each feature with each score over the samples where it was seen (feature, component)."""
    seen = np.ones_like(values) if observed is None else observed
    count = np.maximum(seen.sum(axis=0), 1)[:, None]
    level, place = (values.sum(axis=0)[:, None] / count, seen.T @ scores / count)  # holes of `values` are 0
    product = values.T @ scores / count - level * place
    spread = (values**2).sum(axis=0)[:, None] / count - level**2
    reach = seen.T @ scores**2 / count - place**2
    size = np.sqrt(np.maximum(spread * reach, 0.0))
    return np.divide(product, size, out=np.zeros_like(product), where=size > 0)
