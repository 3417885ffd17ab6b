"""Harmony: batches of cells brought together in an embedding (Korsunsky et al. 2019, Nat. Methods 16, Methods)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from chiasma.core.rng import derive_seed, generator
from chiasma.stats.graphs.wnn import unit_rows


@dataclass(frozen=True)
class HarmonyRules:
    """How clusters form and how much they correct.

    Attributes:
        n_clusters: soft clusters; without it a thirtieth of the cells, at most 100.
        theta: weight of the diversity penalty; 0 clusters without regard to batches.
        sigma: softness of the clusters, in squared cosine distance.
        ridge: penalty of the batch terms of each cluster's regression.
        tau: expected cells a cluster below which a batch is penalised less; 0 treats all batches alike.
        block: share of the cells that are updated at once.
        max_iter: rounds of clustering and correction.
        max_clustering: sweeps of clustering in a round.
        tol: relative fall of the objective between rounds below which they end.
        tol_clustering: the same between sweeps, over a window of three.
        seed: root of the first centroids and of the order of the blocks.
    """

    n_clusters: int | None = None
    theta: float = 2.0
    sigma: float = 0.1
    ridge: float = 1.0
    tau: float = 0.0
    block: float = 0.05
    max_iter: int = 10
    max_clustering: int = 20
    tol: float = 1e-4
    tol_clustering: float = 1e-5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Harmonized:
    """Corrected cells.

    Attributes:
        embedding: (cell, dimension), in the units of what was given.
        clusters: share of each cell in each cluster (cell, cluster).
        objective: value of the clustering objective after each round.
        converged: whether the last round changed it by less than `tol`.
    """

    embedding: np.ndarray
    clusters: np.ndarray
    objective: tuple[float, ...]
    converged: bool


_WINDOW = 3
"""Sweeps over which the objective of the clustering is compared."""


def harmonize(embedding: np.ndarray, batch: np.ndarray, rules: HarmonyRules) -> Harmonized:
    """Correct an embedding for batches by regressions within soft clusters that hold all batches.

    Args:
        embedding: principal components, for instance (cell, dimension).
        batch: code of each cell's batch, from 0 (cell,).
        rules: see there.
    """
    n_cells, n_batches = len(embedding), int(batch.max()) + 1
    clusters = rules.n_clusters or max(int(min(round(n_cells / 30), 100)), 2)
    clusters = min(clusters, n_cells)
    member = np.eye(n_batches)[batch]  # (cell, batch)
    share = member.mean(axis=0)
    theta = np.full(n_batches, rules.theta)
    if rules.tau > 0:
        theta *= 1 - np.exp(-((member.sum(axis=0) / (clusters * rules.tau)) ** 2))
    corrected, cosine = embedding.copy(), unit_rows(embedding)
    start = KMeans(clusters, n_init=1, max_iter=25, random_state=derive_seed(rules.seed, "harmony") % 2**31)
    centroids = unit_rows(start.fit(cosine).cluster_centers_)
    soft = _softmin(_distances(cosine, centroids), rules.sigma)
    random = generator(rules.seed, "harmony-blocks")
    objective: list[float] = []
    converged = False
    for _ in range(rules.max_iter):
        soft, value = _cluster(cosine, soft, member, share, theta, rules, random)
        objective.append(value)
        corrected = _regress_out(embedding, soft, member, rules.ridge)
        cosine = unit_rows(corrected)
        if len(objective) > 1 and (objective[-2] - objective[-1]) / abs(objective[-2]) < rules.tol:
            converged = True
            break
    return Harmonized(corrected, soft, tuple(objective), converged)


def _distances(cosine: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Squared distances between unit vectors (cell, cluster)."""
    return 2.0 * (1.0 - cosine @ centroids.T)


def _softmin(distance: np.ndarray, sigma: float) -> np.ndarray:
    power = np.exp((distance.min(axis=1, keepdims=True) - distance) / sigma)
    return power / power.sum(axis=1, keepdims=True)


def _cluster(
    cosine: np.ndarray,
    soft: np.ndarray,
    member: np.ndarray,
    share: np.ndarray,
    theta: np.ndarray,
    rules: HarmonyRules,
    random: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Maximum diversity clustering until its objective settles: shares (cell, cluster) and the objective."""
    soft = soft.copy()
    observed = soft.T @ member  # (cluster, batch)
    expected = np.outer(soft.sum(axis=0), share)
    values: list[float] = []
    n_blocks = max(int(np.ceil(1 / rules.block)), 1)
    for _ in range(rules.max_clustering):
        centroids = unit_rows(soft.T @ cosine)
        distance = _distances(cosine, centroids)
        base = np.exp((distance.min(axis=1, keepdims=True) - distance) / rules.sigma)
        for cells in np.array_split(random.permutation(len(cosine)), n_blocks):
            observed -= soft[cells].T @ member[cells]
            expected -= np.outer(soft[cells].sum(axis=0), share)
            penalty = ((expected + 1) / (observed + 1)) ** theta  # (cluster, batch)
            fresh = base[cells] * (member[cells] @ penalty.T)
            soft[cells] = fresh / fresh.sum(axis=1, keepdims=True)
            observed += soft[cells].T @ member[cells]
            expected += np.outer(soft[cells].sum(axis=0), share)
        values.append(_objective(soft, distance, observed, expected, theta, rules.sigma))
        if len(values) > _WINDOW:
            before, now = sum(values[-_WINDOW - 1 : -1]), sum(values[-_WINDOW:])
            if (before - now) / abs(before) < rules.tol_clustering:
                break
    return soft, values[-1]


def _objective(
    soft: np.ndarray,
    distance: np.ndarray,
    observed: np.ndarray,
    expected: np.ndarray,
    theta: np.ndarray,
    sigma: float,
) -> float:
    """Distances to centroids, plus entropy, plus the divergence of batches from evenness in each cluster."""
    spread = (soft * distance).sum()
    entropy = sigma * (soft * np.log(np.maximum(soft, 1e-300))).sum()
    diversity = sigma * (observed * np.log((observed + 1) / (expected + 1)) * theta).sum()
    return float(spread + entropy + diversity)


def _regress_out(embedding: np.ndarray, soft: np.ndarray, member: np.ndarray, ridge: float) -> np.ndarray:
    """What is left of the embedding without the batch terms of every cluster's regression (cell, dimension).

    Each cluster has an intercept, which stays, and a term for each batch, penalised by `ridge`, which goes.
    """
    n_batches = member.shape[1]
    penalty = np.diag([0.0, *np.full(n_batches, ridge)])
    design = np.column_stack([np.ones(len(member)), member])  # (cell, 1 + batch)
    corrected = embedding.copy()
    for cluster in range(soft.shape[1]):
        weighted = design * soft[:, cluster : cluster + 1]
        terms = np.linalg.solve(weighted.T @ design + penalty, weighted.T @ embedding)
        terms[0] = 0.0
        corrected -= weighted @ terms
    return corrected
