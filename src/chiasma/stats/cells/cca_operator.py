"""Canonical correlation of two sets of cells over the same features, without ever making cells by cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg as sla


@dataclass(frozen=True, eq=False)
class CellCca:
    """Directions in which two sets of cells vary alike.

    Attributes:
        first: of the first set (cell, component), columns of length 1, the first cell positive.
        second: of the second set (cell, component).
        values: singular values, falling (component,).
    """

    first: np.ndarray
    second: np.ndarray
    values: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """One set below the other (cell, component)."""
        return np.vstack([self.first, self.second])


def standardise_cells(values: np.ndarray) -> np.ndarray:
    """Each cell with mean 0 and standard deviation 1 (n - 1) over its features (cell, feature)."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / max(values.shape[1] - 1, 1))
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def cell_cca(first: np.ndarray, second: np.ndarray, count: int) -> CellCca:
    """The leading singular vectors of `first @ second.T`, by products with each set in turn.

    Memory is that of the data and (cells of both) x count, whatever the numbers of cells.

    Args:
        first: standardised features of standardised cells (cell, feature).
        second: the same of the other set (cell, feature).
        count: components, lowered to what the smaller set allows.
    """
    shape = (len(first), len(second))
    count = max(min(count, min(shape) - 1, first.shape[1] - 1), 1)
    if min(shape) <= 2 * count + 1:
        u, s, vt = np.linalg.svd(first @ second.T, full_matrices=False)  # a handful of cells on one side
    else:
        operator = sla.LinearOperator(
            shape,
            matvec=lambda v: first @ (second.T @ v),
            rmatvec=lambda u: second @ (first.T @ u),
            matmat=lambda v: first @ (second.T @ v),
            rmatmat=lambda u: second @ (first.T @ u),
            dtype=np.float64,
        )
        u, s, vt = sla.svds(operator, k=count, v0=np.ones(min(shape)))
    order = np.argsort(-s, kind="stable")[:count]
    u, s, v = u[:, order], s[order], vt[order].T
    sign = np.where(u[0] < 0, -1.0, 1.0)
    return CellCca(u * sign, v * sign, s)


def gene_loadings(first: np.ndarray, second: np.ndarray, cca: CellCca) -> np.ndarray:
    """Standardised features projected on the components of both sets (feature, component)."""
    return first.T @ cca.first + second.T @ cca.second


def several_cca(sets: list[np.ndarray], count: int, *, sweeps: int = 200, tol: float = 1e-10) -> list[np.ndarray]:
    """Components along which several sets of cells vary alike: unit scores of each set (cell, component).

    Two sets are `cell_cca`. More are the sum of covariances of all pairs, maximised in turn over the sets (Horst),
    component by component, each orthogonal to those before.

    Args:
        sets: standardised features of standardised cells (cell, feature).
        count: components, lowered to what the smallest set allows.
        sweeps: most rounds over the sets for a component.
        tol: change of the scores at which they end.
    """
    if len(sets) == 2:
        found = cell_cca(sets[0], sets[1], count)
        return [found.first, found.second]
    count = max(min(count, min(len(values) for values in sets) - 1, sets[0].shape[1] - 1), 1)
    scores = [np.zeros((len(values), count)) for values in sets]
    profiles = [np.zeros(sets[0].shape[1]) for _ in sets]
    start = cell_cca(sets[0], np.vstack(sets[1:]), count)
    for component in range(count):
        own = [start.first[:, component]]
        own += list(np.split(start.second[:, component], np.cumsum([len(values) for values in sets[1:]])[:-1]))
        profiles = [values.T @ score for values, score in zip(sets, own)]
        for _ in range(sweeps):
            change = 0.0
            for number, values in enumerate(sets):
                others = sum(profile for place, profile in enumerate(profiles) if place != number)
                fresh = values @ others
                before = scores[number][:, :component]
                fresh = fresh - before @ (before.T @ fresh)
                length = np.linalg.norm(fresh)
                fresh = fresh / length if length > 0 else fresh
                change = max(change, float(np.abs(fresh - scores[number][:, component]).max()))
                scores[number][:, component] = fresh
                profiles[number] = values.T @ fresh
            if change < tol:
                break
        sign = -1.0 if scores[0][0, component] < 0 else 1.0
        for values in scores:
            values[:, component] *= sign
    return scores
