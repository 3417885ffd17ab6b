"""Figures of mixing: slow twins, ends of their scales."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.metrics.mixing import composition_acceptance, conservation, local_simpson, mixing


def neighbours(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    index = np.argsort(away, axis=1)[:, :k]
    return index, np.take_along_axis(away, index, axis=1)


def test_local_simpson_by_its_definition():
    random = np.random.default_rng(0)
    distance, labels = np.sort(random.random((20, 60)), axis=1), random.integers(0, 3, (20, 60))
    found = local_simpson(distance, labels, perplexity=15)
    for row in range(20):
        low, high = 0.0, 1e6
        for _ in range(200):
            beta = (low + high) / 2
            weight = np.exp(-(distance[row] - distance[row, 0]) * beta)
            weight /= weight.sum()
            perplexity = np.exp(-(weight * np.log(np.maximum(weight, 1e-300))).sum())
            low, high = (beta, high) if perplexity > 15 else (low, beta)
        assert found[row] == pytest.approx(1 / sum(weight[labels[row] == k].sum() ** 2 for k in range(3)), rel=1e-6)


def test_apart_and_mixed_are_the_ends_of_the_scales():
    random = np.random.default_rng(1)
    points = random.standard_normal((300, 4))
    codes = np.arange(300) % 2
    mixed = mixing(*neighbours(points, 60), codes)
    apart = mixing(*neighbours(points + 50.0 * codes[:, None], 60), codes)
    assert mixed["ilisi"] > 0.85 and mixed["kbet"] > 0.7
    assert apart["ilisi"] == pytest.approx(0, abs=1e-9) and apart["kbet"] == 0
    lost = conservation(*neighbours(points, 60), codes, points)
    far = points + 50.0 * codes[:, None]
    kept = conservation(*neighbours(far, 60), codes, far)
    assert kept["clisi"] == pytest.approx(1) and kept["ari"] == pytest.approx(1) and kept["silhouette"] > 0.9
    assert lost["clisi"] < 0.15 and abs(lost["ari"]) < 0.05


def test_one_set_or_one_type_has_no_figure():
    index, distance = neighbours(np.random.default_rng(0).standard_normal((20, 2)), 6)
    codes = np.zeros(20, dtype=int)
    assert np.isnan(list(mixing(index, distance, codes).values())).all()
    assert np.isnan(list(conservation(index, distance, codes, np.zeros((20, 2))).values())).all()
    assert composition_acceptance(np.array([[0, 0, 1, 1]]), np.array([0.5, 0.5])) == 1.0
