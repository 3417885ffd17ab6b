from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.rng import generator
from chiasma.stats.folds import balanced_error_rate, stratified_folds


@given(st.lists(st.integers(0, 3), min_size=4, max_size=60), st.integers(2, 5), st.integers(0, 9))
def test_folds_are_even_over_all_and_in_each_class(codes, n_folds, seed):
    codes = np.array(codes)
    folds = stratified_folds(codes, n_folds, random=generator(seed, "test"))
    for chosen in (np.ones(len(codes), bool), *(codes == code for code in np.unique(codes))):
        sizes = np.bincount(folds[chosen], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


@given(st.integers(0, 20), st.integers(2, 4))
def test_units_stay_whole(seed, n_folds):
    random = np.random.default_rng(seed)
    unit = random.integers(0, 12, 40)
    codes = unit % 3
    folds = stratified_folds(codes, n_folds, random=generator(seed, "test"), unit=unit)
    assert all(len(np.unique(folds[unit == name])) == 1 for name in np.unique(unit))


def test_same_seed_same_folds():
    codes = np.repeat([0, 1], 20)
    one, two = (stratified_folds(codes, 5, random=generator(3, "a")) for _ in range(2))
    assert np.array_equal(one, two)


def test_balanced_error_rate_by_hand():
    codes = np.array([0, 0, 0, 0, 1, 1])
    assert balanced_error_rate(codes, np.array([0, 0, 0, 1, 1, -1])) == pytest.approx((0.25 + 0.5) / 2)
