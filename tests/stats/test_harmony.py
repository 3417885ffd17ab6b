"""Harmony: the authors' output, what its steps promise, sets that are mixed with types kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiasma.metrics.mixing import conservation, mixing
from chiasma.stats.cells.harmony import HarmonyRules, harmonize
from chiasma.stats.graphs.knn import nearest_others


def batches(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three types in two batches of different composition; the batches are shifted by type."""
    random = np.random.default_rng(seed)
    batch = np.repeat([0, 1], [200, 160])
    types = np.where(batch == 0, random.choice(3, 360, p=[0.5, 0.3, 0.2]), random.choice(3, 360, p=[0.2, 0.3, 0.5]))
    centres, shift = 6 * random.standard_normal((3, 8)), 2.5 * random.standard_normal((3, 8))
    return centres[types] + batch[:, None] * shift[types] + random.standard_normal((360, 8)), batch, types


def figures(points: np.ndarray, batch: np.ndarray, types: np.ndarray) -> dict[str, float]:
    near = nearest_others(points, 60)
    return mixing(near.index, near.distance, batch) | conservation(near.index, near.distance, types, points)


def test_batches_mix_and_types_stay_apart():
    points, batch, types = batches()
    found = harmonize(points, batch, HarmonyRules(seed=1, n_clusters=8))
    before, after = figures(points, batch, types), figures(found.embedding, batch, types)
    assert after["ilisi"] > before["ilisi"] + 0.3
    assert after["clisi"] > before["clisi"] - 0.05 and after["ari"] > 0.8
    np.testing.assert_allclose(found.clusters.sum(axis=1), 1.0)
    again = harmonize(points, batch, HarmonyRules(seed=1, n_clusters=8))
    np.testing.assert_array_equal(found.embedding, again.embedding)


def test_points_are_left_where_they_are_by_a_strong_ridge():
    points, batch, _ = batches(1)
    stiff = harmonize(points, batch, HarmonyRules(ridge=1e9, n_clusters=6))
    np.testing.assert_allclose(stiff.embedding, points, atol=1e-4)


def test_the_penalty_evens_out_batches_within_clusters():
    random = np.random.default_rng(0)
    batch = np.repeat([0, 1], 150)
    points = random.standard_normal((300, 4)) + 3.0 + 2.0 * np.outer(batch, [1, -1, 0, 0])

    def unevenness(theta: float) -> float:
        """How far the batches in each cluster are from their shares, after one round."""
        rules = HarmonyRules(theta=theta, n_clusters=6, max_iter=1, sigma=0.5)
        observed = harmonize(points, batch, rules).clusters.T @ np.eye(2)[batch]
        expected = observed.sum(axis=1, keepdims=True) / 2
        return float(((observed - expected) ** 2 / expected).sum())

    assert unevenness(4.0) < 0.5 * unevenness(0.0)


def test_few_cells():
    points = np.random.default_rng(0).standard_normal((5, 3))
    found = harmonize(points, np.array([0, 1, 0, 1, 1]), HarmonyRules(tau=5.0))
    assert found.embedding.shape == (5, 3) and np.isfinite(found.embedding).all()


@pytest.mark.realdata
def test_three_donors_as_the_authors_have_them(data_dir):
    folder = data_dir / "omics" / "harmony"
    points, theirs = (
        pd.read_csv(folder / f"pbmc_3500_{name}.tsv.gz", sep="\t").to_numpy() for name in ("pcs", "pcs_harmonized")
    )
    donor = np.unique(pd.read_csv(folder / "pbmc_3500_meta.tsv.gz", sep="\t")["donor"], return_inverse=True)[1]
    ours = harmonize(points, donor, HarmonyRules(seed=0)).embedding
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T)]
    assert min(correlation) > 0.998
    assert np.linalg.norm(ours - theirs) < 0.12 * np.linalg.norm(points - theirs)
