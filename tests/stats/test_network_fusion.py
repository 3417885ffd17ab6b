"""Network fusion against its equations written out, and what it is for: two views that each tell half."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.stats.graphs.network_fusion import affinity, fuse, strongest


def full(w: np.ndarray) -> np.ndarray:
    p = np.zeros_like(w)
    for i in range(len(w)):
        rest = sum(w[i, k] for k in range(len(w)) if k != i)
        for j in range(len(w)):
            p[i, j] = 0.5 if i == j else w[i, j] / (2 * rest)
    return p


def local(w: np.ndarray, n: int) -> np.ndarray:
    s = np.zeros_like(w)
    for i in range(len(w)):
        near = sorted((k for k in range(len(w)) if k != i), key=lambda k: -w[i, k])[:n]
        for j in near:
            s[i, j] = w[i, j] / sum(w[i, k] for k in near)
    return s


def test_fusion_is_its_equations_written_out():
    random = np.random.default_rng(0)
    found = [affinity(random.standard_normal((12, 3)), n_neighbors=4) for _ in range(3)]
    status, kernels = [full(w) for w in found], [local(w, 4) for w in found]
    for _ in range(5):
        means = [sum(status[:v] + status[v + 1 :]) / 2 for v in range(3)]
        made = [s @ p @ s.T for s, p in zip(kernels, means)]
        status = [full((p + p.T) / 2) for p in made]
    mean = sum(status) / 3
    np.testing.assert_allclose(fuse(found, n_neighbors=4, steps=5), (mean + mean.T) / 2, atol=1e-12)


def test_affinity_by_its_formula():
    x = np.random.default_rng(1).standard_normal((9, 2))
    d = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    near = np.sort(d, axis=1)[:, 1:4].mean(axis=1)
    scale = 0.5 * (near[:, None] + near + d) / 3
    np.testing.assert_allclose(affinity(x, n_neighbors=3), np.exp(-(d**2) / (2 * scale**2)), atol=1e-9)
    np.testing.assert_allclose(affinity(1000 * x, n_neighbors=3), affinity(x, n_neighbors=3), atol=1e-9)


def test_two_views_that_each_part_half_of_the_classes():
    random = np.random.default_rng(2)
    codes = np.repeat(np.arange(3), 20)
    first = np.column_stack([3.0 * (codes == 0), np.zeros(60)]) + random.standard_normal((60, 2))
    second = np.column_stack([3.0 * (codes == 1), np.zeros(60)]) + random.standard_normal((60, 2))

    def agreement(network: np.ndarray) -> float:
        near = strongest(network, 8)
        rows = np.repeat(np.arange(60), 8)
        return float((codes[rows] == codes[near.indices]).mean())

    alone = [affinity(x, n_neighbors=12) for x in (first, second)]
    assert agreement(fuse(alone, n_neighbors=12)) > max(map(agreement, alone)) + 0.05


def test_too_many_samples_are_refused(monkeypatch):
    monkeypatch.setattr("chiasma.stats.graphs.network_fusion.MOST_SAMPLES", 10)
    with pytest.raises(UsageError, match="combine=intersection"):
        affinity(np.zeros((11, 2)), n_neighbors=3)
