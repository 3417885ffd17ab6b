from __future__ import annotations

import numpy as np
import pytest

from chiasma.stats.bootstrap import draw_weights
from chiasma.stats.track_scores import UnitMoments, score_tracks

UNIT = np.array([3, 3, 7, 7, 7, 9])


def case() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    y = 1000 + draw.normal(size=(6, 20, 3))
    return y, y + draw.normal(size=y.shape) * [0.1, 1, 10]


def gathered(y: np.ndarray, p: np.ndarray) -> UnitMoments:
    moments = UnitMoments(UNIT, y[:2].mean(axis=(0, 1)))
    moments.add(0, y[:4], p[:4])
    moments.add(4, y[4:], p[4:])
    return moments


def test_figures_are_those_of_all_bins_laid_out() -> None:
    y, p = case()
    found = gathered(y, p).sums()
    flat_y, flat_p = y.reshape(-1, 3), p.reshape(-1, 3)
    expected = [np.corrcoef(flat_y[:, track], flat_p[:, track])[0, 1] for track in range(3)]
    np.testing.assert_allclose(found.pearson()[0], expected, rtol=1e-9)
    residual = ((flat_y - flat_p) ** 2).sum(axis=0) / ((flat_y - flat_y.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.r2()[0], 1 - residual, rtol=1e-9)


def test_intervals_are_of_draws_of_whole_units() -> None:
    y, p = case()
    found = score_tracks(gathered(y, p).sums(), UNIT, unit_name="window", seed=5, draws=100)
    for number, weight in enumerate(draw_weights(UNIT, seed=5, draws=100)):
        rows = np.repeat(np.arange(6), weight.astype(int))
        slow = np.corrcoef(y[rows, :, 1].ravel(), p[rows, :, 1].ravel())[0, 1]
        assert found.draws[number, 1] == pytest.approx(slow)
    assert found.pearson[1].low == pytest.approx(np.percentile(found.draws[:, 1], 2.5))
    mean, drawn = found.mean(np.array([0, 2]), unit_name="window")
    assert mean.value == pytest.approx((found.pearson[0].value + found.pearson[2].value) / 2)
    np.testing.assert_allclose(drawn, found.draws[:, [0, 2]].mean(axis=1))


def test_what_does_not_vary() -> None:
    y, p = case()
    y[:, :, 0], p[:, :, 1] = 5.0, 2.0
    found = score_tracks(gathered(y, p).sums(), UNIT, unit_name="window", seed=1, draws=100)
    assert np.isnan(found.pearson[0].value) and found.pearson[1].value == 0
    mean, _ = found.mean(unit_name="window")
    assert mean.value == pytest.approx(found.pearson[2].value / 2)


def test_one_unit_has_no_interval() -> None:
    y, p = case()
    moments = UnitMoments(np.zeros(6), y.mean(axis=(0, 1)))
    moments.add(0, y, p)
    found = score_tracks(moments.sums(), np.zeros(6), unit_name="window", seed=1, draws=100)
    assert np.isfinite(found.pearson[0].value) and np.isnan(found.pearson[0].low)
