"""Halves of the samples, shares of selection, and the bound on false ones."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.stats.stability import expected_false_selections, features_a_resample, stability_selection


def test_shares_and_halves():
    codes = np.repeat([0, 1, 2], [10, 6, 1])
    seen = []

    def choose(rows):
        seen.append(rows)
        return np.array([True, False, 3 in rows])

    share = stability_selection(choose, codes, resamples=200, random=np.random.default_rng(0))
    assert share[0] == 1 and share[1] == 0 and 0.35 < share[2] < 0.65
    assert {tuple(np.bincount(codes[rows])) for rows in seen} == {(5, 3, 1)}
    assert all(len(set(rows)) == len(rows) for rows in seen)


def test_number_of_features_keeps_the_bound():
    for p in (10, 546, 20_000):
        for threshold in (0.6, 0.75, 0.9):
            q = features_a_resample(p, threshold=threshold, false_selections=1.0)
            assert q >= 1
            assert q == 1 or expected_false_selections(p, q, threshold=threshold) <= 1
            assert expected_false_selections(p, q + 1, threshold=threshold) > 1


def test_false_features_are_as_few_as_promised():
    """The guarantee itself: noise alone, the features of largest mean difference chosen in each half."""
    total = 0.0
    for seed in range(20):
        random = np.random.default_rng(seed)
        values, codes = random.standard_normal((40, 100)), np.arange(40) % 2
        q = features_a_resample(100, threshold=0.75, false_selections=1.0)

        def choose(rows, values=values, codes=codes, q=q):
            half, own = values[rows], codes[rows]
            gap = np.abs(half[own == 1].mean(axis=0) - half[own == 0].mean(axis=0))
            return gap >= np.sort(gap)[-q]

        total += (stability_selection(choose, codes, resamples=30, random=random) >= 0.75).sum()
    assert total / 20 <= 1


def test_wrong_numbers_are_refused():
    with pytest.raises(UsageError, match="resamples"):
        stability_selection(lambda rows: rows, np.arange(3), resamples=0, random=np.random.default_rng(0))
    with pytest.raises(UsageError, match="threshold"):
        features_a_resample(10, threshold=0.5, false_selections=1)
