"""Benjamini-Hochberg against scipy."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

from chiasma.stats.fdr import benjamini_hochberg


def test_equals_scipy_and_ignores_nan():
    p = np.random.default_rng(0).random(50) ** 3
    assert np.allclose(benjamini_hochberg(p), false_discovery_control(p))
    gaps = np.insert(p, 5, np.nan)
    found = benjamini_hochberg(gaps)
    assert np.isnan(found[5]) and np.allclose(np.delete(found, 5), benjamini_hochberg(p))
    assert len(benjamini_hochberg(np.zeros(0))) == 0
