"""Correlations of hidden units with statistics, against scipy's, and what they leave out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.explain.hidden_units import correlate_units


def data() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    values = draw.normal(size=(40, 3))
    hidden = np.column_stack([values[:, 0] ** 3, draw.normal(size=40), np.zeros(40), -values[:, 1]])
    values[:5, 2] = np.nan
    return np.round(hidden, 1), values


def test_correlations_are_spearmans_and_undefined_statistics_are_left_out() -> None:
    hidden, values = data()
    found = correlate_units(hidden, values, statistics=("a", "b", "c"), weight=np.arange(4.0))
    for unit in (0, 1, 3):
        for statistic in range(3):
            known = np.isfinite(values[:, statistic])
            expected = spearmanr(hidden[known, unit], values[known, statistic]).statistic
            assert found.correlation[unit, statistic] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found.correlation[2]).all() and found.constant == 1 and found.order[-1] == 2
    assert sorted(found.order) == [0, 1, 2, 3] and found.n == 40


def test_the_table_is_tidy() -> None:
    hidden, values = data()
    found = correlate_units(hidden, values, statistics=("a", "b", "c"), weight=np.arange(4.0))
    table = found.table()
    assert {len(column) for column in table.values()} == {12}
    row = table["unit"].index(3) + 1
    assert table["statistic"][row] == "b" and table["correlation"][row] < -0.9 and table["weight"][row] == 3


def test_what_cannot_be_correlated() -> None:
    hidden, values = data()
    with pytest.raises(MismatchError):
        correlate_units(hidden, values, statistics=("a",), weight=np.arange(4.0))
    with pytest.raises(InsufficientDataError):
        correlate_units(hidden[:4], values[:4], statistics=("a", "b", "c"), weight=np.arange(4.0))
