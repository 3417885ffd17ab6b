"""The gate: silent where data are of the simulator, loud where they are not, mute where there is too little."""

import numpy as np
import pytest

from chiasma.data.results import Estimate
from chiasma.stats.misspecification import (
    DIFFERS,
    DOES_NOT_FIT,
    FEW_ALIKE,
    FITS,
    ONE_GENEALOGY,
    TOO_FEW,
    Simulations,
    Windows,
    _verdict,
    judge,
)
from chiasma.stats.telling_apart import Scale, blocks, near_rows, tell_apart

N_STATISTICS = 6


def regions(size, rate, *, seed, odd=0.0):
    """Six statistics of regions with a size and a rate each; `odd` bends two of them as no size and rate do."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.3, (len(size), N_STATISTICS))
    clean = np.column_stack([size, size + rate, rate, size - rate, 0.5 * size, 0.5 * rate])
    clean[:, 3] += odd
    clean[:, 4] -= odd
    return np.exp(clean + noise)


def prior(n, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)


def estimate(values):
    return (np.log(values) @ np.array([0, 0.2, 0.4, -0.2, 0, 0.4]))[:, None]


@pytest.fixture(scope="module")
def simulations():
    size, rate = prior(600, 1)
    values = regions(size, rate, seed=2)
    resized = regions(size[:150] + np.log(1.1), rate[:150], seed=3)
    parameters = np.column_stack([size, rate])
    names = tuple("abcdef")
    return Simulations(names, values, estimate(values), rate[:, None], parameters=parameters, resized=resized)


def windows(size, rate, *, seed=5, odd=0.0):
    values = regions(size, rate, seed=seed, odd=odd)
    return Windows(values, estimate(values))


def test_windows_of_the_prior_fit(simulations):
    found = judge(simulations, windows(*prior(80, 4)), seed=1)
    area = found.facts["area_as_drawn"]
    assert found.verdict == FITS and area["low"] < 0.5 < area["high"] and abs(area["value"] - 0.5) < 0.12
    assert found.facts["calls"]["state"] == "survive" and "The simulations fit" in found.text
    assert all(abs(row["shift_as_drawn"]) < 0.4 for row in found.facts["shifts"])
    larger = {row["statistic"]: row["shift_resized"] for row in found.facts["shifts"]}
    assert larger["a"] > 0 and "Populations 10% larger would give" in found.text
    assert judge(simulations, windows(*prior(80, 4)), seed=1).to_dict() == found.to_dict()


def test_one_draw_of_the_prior_fits_though_it_is_not_the_prior(simulations):
    found = judge(simulations, windows(np.full(80, 0.4), np.full(80, -0.2)), seed=1)
    assert found.facts["area_as_drawn"]["value"] > 0.75
    assert found.verdict == FITS and found.facts["area"]["value"] < found.facts["area_as_drawn"]["value"] - 0.1


def test_what_no_parameter_gives_does_not_fit(simulations):
    found = judge(simulations, windows(np.full(80, 0.4), np.full(80, -0.2), odd=1.5), seed=1)
    assert found.verdict == DOES_NOT_FIT and found.facts["area"]["low"] > 0.8
    worst = max(found.facts["shifts"], key=lambda row: abs(row["shift"]))
    assert worst["statistic"] in ("d", "e") and worst["statistic"] in found.text


def test_few_windows_say_nothing(simulations):
    few = judge(simulations, windows(*prior(12, 4)), seed=1)
    assert few.verdict == TOO_FEW and "12 windows" in few.text
    short = Simulations(*(getattr(simulations, name)[:30] for name in ("names", "values", "scores", "truth")))
    assert judge(short, windows(*prior(80, 4)), seed=1).verdict == TOO_FEW


def test_windows_of_one_genealogy_are_not_called_too_few(simulations):
    """Copies of nearly one window, off by what no parameter gives: the same ten simulations are nearest to all."""
    one = regions(np.array([0.4]), np.array([-0.2]), seed=5, odd=0.8)
    values = one * np.exp(np.random.default_rng(6).normal(0, 0.005, (80, N_STATISTICS)))
    found = judge(simulations, Windows(values, estimate(values)), seed=1)
    assert found.facts["simulations_alike"] < 30 and found.facts["area"]["low"] > 0.7 and not found.facts["outside"]
    assert found.verdict == ONE_GENEALOGY and "(10, in effect)" in found.text
    assert "do not fit, or the windows share one genealogy" in found.text


@pytest.mark.parametrize(
    ("low", "high", "alike", "outside", "verdict"),
    [
        (0.9, 1.0, 100, 0, DOES_NOT_FIT),
        (0.9, 1.0, 29, 0, ONE_GENEALOGY),
        (0.9, 1.0, 29, 0.6, DOES_NOT_FIT),
        (0.5, 0.7, 29, 0, FEW_ALIKE),
        (0.4, 0.9, 29, 0, TOO_FEW),
        (0.5, 0.7, 100, 0, FITS),
        (0.72, 0.84, 100, 0, DIFFERS),
        (np.nan, np.nan, 100, 0, TOO_FEW),
    ],
)
def test_what_a_verdict_rests_on(low, high, alike, outside, verdict):
    area = Estimate((low + high) / 2, low, high, "run")
    assert _verdict(area, alike=alike, outside=outside) == verdict


def test_calls_of_classes_are_weighed_too(simulations):
    truth = (simulations.truth[:, 0] > 0).astype(np.int64)

    def chances(values):
        p = 1 / (1 + np.exp(-4 * estimate(values)[:, 0]))
        return np.column_stack([1 - p, p])

    classes = Simulations(simulations.names, simulations.values, chances(simulations.values), truth)
    data = windows(*prior(80, 4))
    found = judge(classes, Windows(data.values, chances(data.values)), seed=1)
    assert found.verdict == FITS and found.facts["calls"]["measure"] == "accuracy"
    assert found.facts["calls"]["as_drawn"] > 0.7 and found.facts["calls"]["changed"] < 0.1


def test_missing_statistics_are_told_apart_by_their_absence():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(100, 2)), rng.normal(size=(60, 2))
    second[:50, 1] = np.nan
    scale = Scale(first)
    units = np.arange(100), blocks(60)
    found = tell_apart(scale.features(first), scale.features(second), units=units, unit_name="run", seed=1)
    assert found.area.value > 0.85 and np.isfinite(found.chance).all()


def test_pairs_of_one_origin_stay_together():
    """Copies of the same rows cannot be told apart, and must not be learnt by heart from the other set."""
    rows = np.random.default_rng(0).normal(size=(60, 5))
    unit = np.arange(60)
    found = tell_apart(rows, rows, units=(unit, unit), unit_name="pair", paired=True, seed=1)
    assert found.area.value == pytest.approx(0.5)


def test_blocks_are_runs():
    assert blocks(5).tolist() == [0, 1, 2, 3, 4]
    many = blocks(103)
    assert many[0] == 0 and many[-1] == 19 and set(np.diff(many)) == {0, 1}


def test_near_rows_are_those_of_a_plain_search():
    rng = np.random.default_rng(3)
    candidates, rows = rng.normal(size=(50, 2)), rng.normal(size=(7, 2))
    expected = np.zeros(50)
    for row in rows:
        distance = [(((row - c) / candidates.std(axis=0)) ** 2).sum() for c in candidates]
        expected[np.argsort(distance)[:10]] += 1
    assert near_rows(candidates, rows).tolist() == expected.tolist()
