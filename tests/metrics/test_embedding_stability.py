"""Stability of layouts: nothing lost by turning, scipy's Procrustes, noise and subsamples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial import procrustes

from chiasma.metrics.embedding_stability import align, neighbour_overlap, stability


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.floats(0.1, 10))
def test_turned_mirrored_moved_and_scaled_is_the_same(seed, p, scale):
    random = np.random.default_rng(seed)
    x = random.standard_normal((20, p))
    turn, _ = np.linalg.qr(random.standard_normal((p, p)))
    found = stability([x, scale * x @ turn + 7], k=5)
    assert found.spread[0] < 1e-6 and found.overlap[0] == 1 and found.by_sample.max() < 1e-6


def test_alignment_is_scipys_but_for_its_scaling():
    random = np.random.default_rng(0)
    x = random.standard_normal((30, 3))
    y = x + 0.3 * random.standard_normal((30, 3))
    a, b = align(y, x)
    theirs = procrustes(x, y)[1]
    gain = (theirs * a).sum() / (a * a).sum()
    np.testing.assert_allclose(theirs, gain * a, atol=1e-9)
    found = stability([y, x])
    assert found.spread[0] == pytest.approx(np.sqrt(((a - b) ** 2).sum(axis=1).mean()))


def test_more_noise_less_in_common():
    random = np.random.default_rng(1)
    x = random.standard_normal((200, 2))
    little, much, none = (stability([x, x + level * random.standard_normal(x.shape)]) for level in (0.1, 1.0, 100.0))
    assert little.spread[0] < much.spread[0] < none.spread[0] < np.sqrt(2) + 0.01
    assert little.overlap[0] > 0.6 > much.overlap[0] > none.overlap[0]
    assert none.overlap[0] == pytest.approx(15 / 199, abs=0.03)
    slow = np.mean(
        [
            len(
                set(np.argsort([np.linalg.norm(x[i] - x[j]) if i != j else np.inf for j in range(40)])[:5])
                & set(np.argsort([abs(x[i, 0] - x[j, 0]) if i != j else np.inf for j in range(40)])[:5])
            )
            / 5
            for i in range(40)
        ]
    )
    assert neighbour_overlap(x[:40], x[:40, :1], k=5) == pytest.approx(slow)


def test_subsamples_are_compared_on_what_they_share():
    x = np.random.default_rng(2).standard_normal((30, 2))
    parts = [np.arange(0, 20), np.arange(10, 30), np.arange(5, 25)]
    found = stability([x[part] for part in parts], members=parts, k=4)
    assert found.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert (
        found.spread.max() < 1e-6 and np.isnan(found.by_sample[:5]).all() and np.isfinite(found.by_sample[5:25]).all()
    )
    with pytest.raises(ValueError, match="in common"):
        stability([x[:10], x[10:20]], members=[np.arange(10), np.arange(10, 20)])
    with pytest.raises(ValueError, match="two layouts"):
        stability([x])
