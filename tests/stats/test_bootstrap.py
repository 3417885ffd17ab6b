"""Bootstrap by unit: draws, intervals, paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Target
from chiasma.metrics.classification import auroc
from chiasma.stats.bootstrap import (
    bootstrap,
    bootstrap_ratios,
    draw_weights,
    paired_difference,
    paired_p_value,
    two_sided_p,
)


def made(n, *, seed=0, skill=1.5):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-(rng.normal(size=n) + skill * (y - 0.5))))
    return Target("binary", y, ("no", "yes")), np.column_stack([1 - p, p])


def test_units_are_drawn_whole_and_the_same_for_a_seed():
    unit = np.repeat([7, 3, 9, 1], 3)
    draws = list(draw_weights(unit, seed=4, draws=20))
    for weight in draws:
        assert weight.sum() == 12
        assert (weight.reshape(4, 3) == weight.reshape(4, 3)[:, :1]).all()
    again = list(draw_weights(unit, seed=4, draws=20))
    assert np.array_equal(draws, again)


def test_intervals_equal_a_slow_bootstrap_on_the_same_draws():
    target, scores = made(60)
    unit = np.arange(60) // 2
    found = bootstrap(target, scores, unit, unit_name="pair", seed=1, draws=100)["auroc"]
    slow = []
    for weight in draw_weights(unit, seed=1, draws=100):
        again = np.repeat(np.arange(60), weight.astype(int))
        slow.append(auroc(target.values[again], scores[again, 1]))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])))
    assert found.value == auroc(target.values, scores[:, 1])
    assert found.unit == "pair"


def test_coverage_is_near_nominal():
    population, answers = made(200_000)
    truth = auroc(population.values, answers[:, 1])
    hits = 0
    for seed in range(100):
        target, scores = made(150, seed=seed + 1)
        found = bootstrap(target, scores, np.arange(150), unit_name="x", seed=0, draws=200, metrics=["auroc"])["auroc"]
        hits += found.low <= truth <= found.high
    assert 85 <= hits <= 100


def test_duplicated_examples_do_not_narrow_the_interval():
    target, scores = made(100)
    twice = np.tile(np.arange(100), 2)
    single = bootstrap(target, scores, np.arange(100), unit_name="x", seed=0, metrics=["auroc"])["auroc"]
    double = bootstrap(target.take(twice), scores[twice], twice, unit_name="x", seed=0, metrics=["auroc"])["auroc"]
    assert double == single


def test_paired_difference_of_a_model_with_itself_is_zero_and_is_antisymmetric():
    target, a = made(200)
    _, b = made(200, skill=0.3)
    common = {"metric": "auroc", "seed": 2, "draws": 200}
    same = paired_difference(target, a, a, np.arange(200), unit_name="x", **common)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    one = paired_difference(target, a, b, np.arange(200), unit_name="x", **common)
    other = paired_difference(target, b, a, np.arange(200), unit_name="x", **common)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert paired_p_value(target, a, a, np.arange(200), **common) == 1
    assert paired_p_value(target, a, b, np.arange(200), **common) < 0.05


def test_p_is_bounded_and_undefined_draws_give_nan():
    assert two_sided_p(np.ones(999)) == pytest.approx(2 / 1000)
    assert np.isnan(two_sided_p(np.full(10, np.nan)))


def test_one_unit_has_a_value_and_no_interval():
    target, scores = made(40)
    found = bootstrap(target, scores, np.zeros(40, int), unit_name="patient", seed=0)["auroc"]
    assert np.isfinite(found.value) and np.isnan([found.low, found.high]).all()


def test_ratios_fall_as_negatives_grow_and_auroc_stays():
    target, scores = made(300)
    found = bootstrap_ratios(target, scores, np.arange(300), unit_name="x", seed=0, draws=50)
    assert list(found) == ["1:1", "1:10", "1:100"]
    assert found["1:1"]["auprc"].value > found["1:10"]["auprc"].value > found["1:100"]["auprc"].value
    assert found["1:1"]["auroc"] == found["1:100"]["auroc"]


def test_wrong_number_of_units_is_told():
    target, scores = made(10)
    with pytest.raises(MismatchError, match="one unit"):
        bootstrap(target, scores, np.arange(9), unit_name="x", seed=0)
