"""Uncertainty: what is promised is measured on data drawn for it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError, UsageError
from chiasma.metrics.classification import ece
from chiasma.plot.calibration import reliability as draw_reliability
from chiasma.uncertainty.calibration import apply_temperature, fit_temperature, reliability, wilson
from chiasma.uncertainty.conformal import MondrianConformal
from chiasma.uncertainty.intervals import SplitConformal


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def draw(n: int, rng: np.random.Generator, *, sharp: float = 1.0, rare: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(n) < rare).astype(int)
    return softmax(sharp * (np.eye(2)[y] * 1.5 + rng.normal(size=(n, 2)))), y


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_each_class_is_covered_as_promised_even_a_rare_one(alpha):
    rng = np.random.default_rng(1)
    covered = np.zeros((200, 2))
    for trial in range(200):
        calibration, test = draw(300, rng), draw(600, rng)
        sets = MondrianConformal().fit(*calibration).sets(test[0], alpha)
        for code in (0, 1):
            covered[trial, code] = sets[test[1] == code, code].mean()
    # Mean coverage lies between 1 - alpha and 1 - alpha + 1 / (n + 1); three standard errors are allowed.
    error = 3 * covered.std(axis=0) / np.sqrt(200)
    assert (covered.mean(axis=0) >= 1 - alpha - error).all()
    assert (covered.mean(axis=0) <= 1 - alpha + 1 / 25 + error).all()


@given(st.integers(1, 40), st.integers(0, 1000), st.floats(0.02, 0.5))
def test_p_values_equal_the_slow_twin(n, seed, alpha):
    rng = np.random.default_rng(seed)
    probabilities, y = softmax(rng.normal(size=(n, 3)).round(1)), rng.integers(0, 3, n)
    model = MondrianConformal().fit(probabilities, y)
    new = softmax(rng.normal(size=(5, 3)).round(1))
    for row, values in zip(new, model.p_values(new), strict=True):
        for code in range(3):
            known = [1 - p for p in probabilities[y == code, code]]
            assert values[code] == (sum(s >= 1 - row[code] for s in known) + 1) / (len(known) + 1)
    again = MondrianConformal.from_dict(json.loads(json.dumps({"alpha": alpha, **model.to_dict()})))
    assert np.array_equal(again.sets(new, alpha), model.sets(new, alpha))


def test_a_class_too_small_for_alpha_is_in_every_set_and_shares_are_described():
    model = MondrianConformal().fit(np.array([[0.9, 0.1]] * 50 + [[0.2, 0.8]]), np.r_[np.zeros(50, int), 1])
    sets = model.sets(np.array([[0.99, 0.01], [0.3, 0.7]]), 0.1)
    assert sets.tolist() == [[True, True], [False, True]]
    assert model.describe(sets) == {"empty": 0.0, "single": 0.5, "full": 0.5, "mean_size": 1.5}


def test_conformal_refuses_what_it_cannot_use():
    with pytest.raises(NotTrainedError):
        MondrianConformal().sets(np.ones((1, 2)), 0.1)
    with pytest.raises(InsufficientDataError):
        MondrianConformal().fit(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(MismatchError):
        MondrianConformal().fit(np.ones((3, 2)), np.array([0, 1, 2]))
    fitted = MondrianConformal().fit(np.ones((3, 2)) / 2, np.array([0, 1, 1]))
    with pytest.raises(UsageError):
        fitted.sets(np.ones((1, 2)), 1.5)
    with pytest.raises(MismatchError):
        fitted.sets(np.ones((1, 3)), 0.1)


@settings(deadline=None)
@given(st.integers(5, 60), st.floats(0.05, 0.5), st.integers(0, 100))
def test_intervals_take_the_finite_sample_quantile(n, alpha, seed):
    residuals = np.random.default_rng(seed).normal(size=n)
    width = SplitConformal().fit(np.zeros(n), residuals).width(alpha)[0]
    covering = (np.abs(residuals) <= width).sum()
    assert covering + 1e-6 >= (n + 1) * (1 - alpha) or width == np.inf
    assert width == np.inf or (np.abs(residuals) < width).sum() < (n + 1) * (1 - alpha)


def test_intervals_cover_new_draws_and_round_trip():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        model = SplitConformal().fit(np.zeros((50, 2)), rng.normal(size=(50, 2)) * [1, 5])
        truth = rng.normal(size=(100, 2)) * [1, 5]
        ends = SplitConformal.from_dict({"alpha": 0.1, **model.to_dict()}).intervals(np.zeros((100, 2)), 0.1)
        assert ends.shape == (100, 2, 2)
        covered.append(((truth >= ends[..., 0]) & (truth <= ends[..., 1])).mean(axis=0))
    assert ((np.mean(covered, axis=0) > 0.89) & (np.mean(covered, axis=0) < 0.93)).all()
    with pytest.raises(MismatchError):
        SplitConformal().fit(np.zeros(3), np.zeros(4))


def test_the_temperature_of_an_overconfident_model_is_found():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 3))
    y = np.array([rng.choice(3, p=p) for p in softmax(logits)])
    overconfident = softmax(2.5 * logits)
    temperature = fit_temperature(overconfident, y)
    assert abs(temperature - 2.5) < 0.15
    mended = apply_temperature(overconfident, temperature)
    assert np.allclose(mended.sum(axis=1), 1) and np.allclose(mended, softmax(logits), atol=0.05)
    assert ece(y, mended) < 0.02 < ece(y, overconfident)


def test_the_reliability_curve_has_equal_bins_and_holds_the_diagonal():
    rng = np.random.default_rng(4)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    curve = reliability(np.column_stack([1 - p, p]), y)
    assert set(curve.n) == {2000}
    assert ((curve.low <= curve.mean_p) & (curve.mean_p <= curve.high)).mean() >= 0.8
    assert curve.rows()[0].keys() == {"mean_p", "observed", "low", "high", "n"}
    constant = reliability(np.full((10, 2), 0.5), np.r_[np.ones(5, int), np.zeros(5, int)])
    assert constant.mean_p == constant.observed and constant.n.tolist() == [10]


def test_the_curve_is_drawn_from_the_rows_as_they_are():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    rows = reliability(np.column_stack([1 - p, p]), (rng.random(500) < p).astype(int)).rows()
    table = draw_reliability(rows).table
    assert all(np.isfinite(np.asarray(column, float)).all() for column in table.values())
    assert sum(table["n"]) == 500


def test_wilson_at_known_values():
    low, high = wilson(np.array([0.0, 0.5]), np.array([10.0, 10.0]))
    assert np.allclose(low, [0.0, 0.2366], atol=1e-4) and np.allclose(high, [0.2775, 0.7634], atol=1e-4)
