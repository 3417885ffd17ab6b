from __future__ import annotations

import json

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError, NotTrainedError
from chiasma.uncertainty.region_intervals import RegionIntervals, least_regions


def regions(seed: int, count: int, bins: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, values and region of windows; all bins of a region err together, by a factor of their own."""
    draw = np.random.default_rng(seed)
    predicted = draw.gamma(2.0, 2.0, (2 * count, bins, 2))
    region = np.repeat(np.arange(count), 2)
    shift = draw.normal(0, 0.5, count)[region][:, None, None]
    truth = predicted + (shift + draw.normal(0, 0.5, predicted.shape)) * np.sqrt(predicted) * np.array([1.0, 3.0])
    return predicted, np.maximum(truth, 0), region


@pytest.mark.parametrize("alpha", [0.1, 0.3])
def test_intervals_hold_bins_of_new_regions_as_often_as_they_say(alpha: float) -> None:
    held = []
    for seed in range(150):
        predicted, truth, region = regions(seed, 26)
        known = region < 25
        made = RegionIntervals().fit(predicted[known], truth[known], region=region[known], alpha=alpha, seed=1)
        low, high = made.intervals(predicted[~known])
        held.append(((truth[~known] >= low) & (truth[~known] <= high)).mean(axis=(0, 1)))
    mean, error = np.mean(held, axis=0), np.std(held, axis=0) / np.sqrt(len(held))
    assert (mean > 1 - alpha - 2.5 * error).all() and (mean < 1 - alpha + 0.08).all()


def test_the_quantile_is_that_of_its_definition() -> None:
    """One bin a region and predictions alike: the rank of split-conformal intervals."""
    truth = np.arange(1, 20, dtype=float).reshape(19, 1, 1)
    made = RegionIntervals().fit(np.full((19, 1, 1), 10.0), truth + 10, region=np.arange(19), alpha=0.1, seed=1)
    assert made.width_[0] == pytest.approx(np.sort(truth.ravel())[int(np.ceil(20 * 0.9)) - 1])
    low, high = made.intervals(np.full((1, 1), 10.0))
    assert (low[0, 0], high[0, 0]) == (0.0, pytest.approx(28.0))


def test_a_region_with_many_bins_has_no_more_say() -> None:
    predicted, truth, region = regions(3, 12)
    once = RegionIntervals().fit(predicted, truth, region=region, alpha=0.2, seed=1)
    more = np.concatenate([np.arange(len(region)), np.flatnonzero(region == 0)])
    twice = RegionIntervals().fit(predicted[more], truth[more], region=region[more], alpha=0.2, seed=1)
    np.testing.assert_allclose(once.width_, twice.width_)


def test_it_goes_to_json_and_back_for_some_tracks() -> None:
    predicted, truth, region = regions(1, 12)
    made = RegionIntervals().fit(predicted, truth, region=region, alpha=0.2, seed=1)
    state = json.loads(json.dumps(made.to_dict()))
    one = RegionIntervals.from_dict(state, tracks=np.array([1]))
    np.testing.assert_allclose(one.intervals(predicted[..., 1:])[1], made.intervals(predicted)[1][..., 1:])


def test_too_few_regions_are_refused() -> None:
    assert [least_regions(alpha) for alpha in (0.1, 0.3, 0.5)] == [9, 3, 1]
    predicted, truth, region = regions(1, 8)
    with pytest.raises(InsufficientDataError, match="9 for 90"):
        RegionIntervals().fit(predicted, truth, region=region, alpha=0.1, seed=1)
    with pytest.raises(NotTrainedError):
        RegionIntervals().intervals(predicted)
