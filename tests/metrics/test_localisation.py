"""Precision, recall and centre of called intervals, against counting column by column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from chiasma.core.rng import generator
from chiasma.metrics.localisation import LocalisationSums, best_interval, called_intervals
from chiasma.stats.localisation import score_localisation

SCORES = arrays(np.float64, (5, 12), elements=st.sampled_from([0.0, 0.2, 0.5, 0.75, 1.0]))


def truth_around(site: np.ndarray, columns: int = 12, box: int = 3) -> np.ndarray:
    apart = np.abs(np.arange(columns) - np.floor(site)[:, None])
    return (apart <= box // 2).astype(float)


@given(SCORES, st.sampled_from([0.2, 0.5, 0.75]))
def test_figures_are_those_counted_column_by_column(scores, threshold):
    site = np.array([3.4, 0.2, np.nan, 11.9, 6.0])
    truth = truth_around(site)
    found = {key: float(v[0]) for key, v in
             LocalisationSums.of(truth, site, scores, threshold=threshold).figures().items()}  # fmt: skip
    called, true = scores >= threshold, truth > 0
    if called.any():
        assert found["precision"] == pytest.approx((called & true).sum() / called.sum())
    else:
        assert np.isnan(found["precision"])
    assert found["recall"] == pytest.approx((called & true).sum() / true.sum())
    chosen = [0, 1, 3, 4]
    assert found["centre"] == pytest.approx(np.mean([called[row, int(site[row])] for row in chosen]))
    assert found["false_calls"] == float(called[2].any())
    assert found["intervals"] == pytest.approx(np.mean([len(called_intervals(row, threshold)) for row in scores]))
    error = [abs(best_interval(scores[row]).middle - site[row]) for row in chosen]
    assert found["centre_error"] == pytest.approx(np.mean(error))
    assert found["auprc"] == pytest.approx(average_precision_score(true.ravel(), scores.ravel()))


def test_intervals_are_runs_and_the_best_is_the_first_of_the_highest():
    scores = np.array([0.6, 0.7, 0.1, 0.0, 0.9, 0.9, 0.5])
    runs = called_intervals(scores, 0.5)
    assert [(one.first, one.last, one.score) for one in runs] == [(0, 2, 0.7), (4, 7, 0.9)]
    assert best_interval(scores)[:2] == (4, 6) and best_interval(scores).middle == 5
    assert called_intervals(scores, 0.95) == []


@given(SCORES, st.integers(0, 99))
def test_weights_are_repetitions(scores, seed):
    site = np.array([3.4, 0.2, np.nan, 11.9, 6.0])
    sums = LocalisationSums.of(truth_around(site), site, scores, threshold=0.5)
    weight = generator(seed, "w").integers(0, 3, 5)
    again = sums.take(np.repeat(np.arange(5), weight))
    if weight.sum() == 0:
        return
    one, two = sums.figures(weight[None].astype(float)), again.figures()
    for key, values in one.items():
        np.testing.assert_allclose(values, two[key], err_msg=key)


def test_intervals_of_figures_hold_them_and_follow_from_the_seed():
    rng = generator(3, "x")
    site = rng.uniform(0, 40, 200)
    truth = truth_around(site, 40, 5)
    scores = np.clip(0.6 * truth + 0.3 * rng.random((200, 1)), 0, 1)
    sums = LocalisationSums.of(truth, site, scores, threshold=0.7)
    one, two = (score_localisation(sums, unit_name="c", seed=1, draws=200, scale=0.25) for _ in range(2))
    for name in ("precision", "recall", "centre", "auprc"):
        estimate = one.estimates[name]
        assert estimate.low <= estimate.value <= estimate.high
        assert np.array_equal(one.draws[name], two.draws[name])
    assert one.estimates["centre_error"].value == pytest.approx(0.25 * sums.figures()["centre_error"][0])
    assert np.isnan(one.estimates["false_calls"].value)
