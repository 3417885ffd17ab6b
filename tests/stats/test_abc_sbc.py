"""Posteriors of a model whose posterior is known, by ABC and by a network; calibration tells good from bad."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.fit.neural_posterior import NeuralPosterior
from chiasma.stats.abc import LearntSummary, Ranges, abc_posterior, adjust, cross_fitted, nearest
from chiasma.stats.sbc import calibrate_posteriors, ranks

RANGES = Ranges(np.array([-3.0, -3.0]), np.array([3.0, 3.0]))
NOISE = 0.5


def table(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two parameters uniform in their ranges; a noisy look at each, and statistics that say nothing."""
    draw = np.random.default_rng(seed)
    parameters = draw.uniform(-3, 3, (number, 2))
    seen = parameters + NOISE * draw.normal(size=(number, 2))
    return parameters, np.column_stack([seen, draw.normal(size=(number, 5))])


def exact(seen: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The posterior itself: a normal around what was seen, cut at the bounds."""
    draw = np.random.default_rng(seed)
    wide = seen[:, None] + NOISE * draw.normal(size=(len(seen), 40 * draws, 2))
    wide = np.where(np.abs(wide) < 3, wide, np.nan)
    order = np.argsort(np.isnan(wide), axis=1, kind="stable")
    return np.take_along_axis(wide, order, axis=1)[:, :draws]


def test_calibration_passes_the_exact_posterior_and_fails_narrow_and_shifted_ones() -> None:
    truths, statistics = table(300, 1)
    good = exact(statistics[:, :2], 99, 2)
    middle = good.mean(axis=1, keepdims=True)
    found = {
        name: calibrate_posteriors(truths, posterior, ("a", "b"))
        for name, posterior in {"good": good, "narrow": middle + 0.4 * (good - middle), "shifted": good + 0.4}.items()
    }
    for one in found["good"]:
        assert one.p_uniform > 0.001 and one.low <= 0.9 and one.high > 0.88
        assert one.ranks.min() >= 0 and one.ranks.max() <= 99
    for one in found["narrow"]:
        assert one.p_uniform < 1e-6 and one.high < 0.9
    assert all(one.p_uniform < 1e-6 for one in found["shifted"])
    assert found["good"][0].row()["parameter"] == "a"


def test_ranks_count_draws_below() -> None:
    assert ranks(np.array([[0.5]]), np.array([[[0.1], [0.4], [0.9]]])).tolist() == [[2]]
    with pytest.raises(ValueError, match="truths"):
        calibrate_posteriors(np.zeros((3, 1)), np.zeros((3, 5, 1)), ("a",))


@pytest.mark.parametrize("how", ["abc", "npe"])
def test_posteriors_are_near_the_exact_one_and_calibrated(how: str) -> None:
    parameters, statistics = table(2_000, 3)
    truths, seen = table(150, 4)
    summary, learnt = cross_fitted(statistics, RANGES.free(parameters))
    observed = summary.transform(seen)
    if how == "abc":
        found = abc_posterior(parameters, learnt, observed, RANGES, keep=200, draws=99, rng=np.random.default_rng(1))
    else:
        density = NeuralPosterior(epochs=30).fit(learnt, RANGES.free(parameters), seed=1)
        found = RANGES.bounded(density.draw(observed, draws=99, seed=1))
    assert np.abs(found).max() <= 3
    expected = exact(seen[:, :2], 99, 5)
    inside = (np.abs(seen[:, :2]) < 2).all(axis=1)
    gap = found.mean(axis=1)[inside] - expected.mean(axis=1)[inside]
    assert np.sqrt((gap**2).mean()) < 0.5 * NOISE
    spread = found.std(axis=1)[inside].mean() / expected.std(axis=1)[inside].mean()
    assert 0.8 < spread < 1.5
    for one in calibrate_posteriors(truths, found, ("a", "b")):
        assert one.high > 0.88 and one.low < 0.97


def test_bounds_are_kept_and_undone() -> None:
    values = np.array([[-2.9, 0.0], [1.0, 2.999]])
    np.testing.assert_allclose(RANGES.bounded(RANGES.free(values)), values, atol=1e-9)
    assert np.isfinite(RANGES.free(np.array([-3.0, 3.0]))).all()


def test_nearest_and_adjustment() -> None:
    summaries = np.array([[0.0], [1.0], [2.0], [10.0]])
    index, weights = nearest(summaries, np.array([0.9]), keep=3)
    assert index.tolist() == [1, 0, 2] and weights[0] > weights[1] > weights[2] and np.isclose(weights.sum(), 1)
    line = 3 * summaries[:3] + 1
    np.testing.assert_allclose(adjust(line, summaries[:3], np.array([0.9]), np.ones(3)), 3.7, atol=1e-9)
    with pytest.raises(ValueError, match="keep 5 of 4"):
        nearest(summaries, np.array([0.9]), keep=5)


def test_summaries_of_the_table_are_no_better_than_those_of_new_draws() -> None:
    """Many statistics, few draws: a fit knows its own draws too well, the cross-fitted summaries do not."""
    draw = np.random.default_rng(1)
    free, noise = draw.normal(size=(120, 1)), draw.normal(size=(120, 80))
    statistics = np.column_stack([free + draw.normal(size=(120, 1)), noise])
    new = draw.normal(size=(400, 1))
    seen = np.column_stack([new + draw.normal(size=(400, 1)), draw.normal(size=(400, 80))])
    summary, learnt = cross_fitted(statistics, free)
    errors = [
        (summary.transform(seen) - new).std(),
        (learnt - free).std(),
        (LearntSummary().fit(statistics, free).transform(statistics) - free).std(),
    ]
    assert abs(errors[1] / errors[0] - 1) < 0.2 and errors[2] < 0.85 * errors[0]
