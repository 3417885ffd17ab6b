from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.data.track_table import Scale, TrackTable
from chiasma.encode.squash import squash, unsquash


def table(order: Scale, *, clip: float = np.nan) -> TrackTable:
    power = 0.75 if order == "old" else 0.5
    return TrackTable(
        identifier=np.array(["rna", "dnase", "raw"], dtype=object),
        file=np.array([""] * 3, dtype=object),
        clip=np.array([clip, clip, np.nan]),
        clip_soft=np.array([384.0, 32.0, np.nan]),
        scale=np.array([0.3, 2.0, 1.0]),
        sum_stat=np.array(["sum_sqrt", "mean", "sum"], dtype=object),
        exponent=np.array([power, 1.0, 1.0]),
        strand_pair=np.arange(3),
        description=np.array([""] * 3, dtype=object),
        squash=order,
    )


def slow(value: float, track: int, order: Scale) -> float:
    """One value, step by step."""
    scale, soft = [0.3, 2.0, 1.0][track], [384.0, 32.0, float("inf")][track]
    if order == "old":
        if track == 0:
            value = value**0.75
        if value > soft:
            value = soft + (value - soft) ** 0.5
        return value * scale
    value *= scale
    if track == 0:
        value = (1 + value) ** 0.5 - 1
    return soft - 1 + (value - soft + 1) ** 0.5 if value > soft else value


@pytest.mark.parametrize("order", ["old", "new"])
@given(value=st.floats(0, 1e7))
def test_there_and_back(order: Scale, value: float) -> None:
    rows = np.full((1, 3), value)
    squashed = squash(rows, table(order))
    np.testing.assert_allclose(squashed[0], [slow(value, track, order) for track in range(3)], rtol=1e-12)
    np.testing.assert_allclose(unsquash(squashed, table(order)), rows, rtol=1e-6, atol=1e-9)


def test_published_constants() -> None:
    """Of an RNA track in the manuscript's scale: 384 above the soft clip adds its root alone."""
    x = np.array([[5000.0, 0.0, 0.0]])
    assert squash(x, table("old"))[0, 0] == pytest.approx(0.3 * (384 + (5000**0.75 - 384) ** 0.5))


@pytest.mark.parametrize("order", ["old", "new"])
def test_the_two_orders_are_not_each_others_inverse(order: Scale) -> None:
    other: Scale = "new" if order == "old" else "old"
    x = np.array([[900.0, 500.0, 7.0]])
    wrong = unsquash(squash(x, table(order)), table(other))
    assert abs(wrong[0, 0] / 900 - 1) > 0.2 and wrong[0, 2] == pytest.approx(7.0)


@pytest.mark.parametrize("order", ["old", "new"])
def test_clipping_is_final(order: Scale) -> None:
    clipped = table(order, clip=100.0)
    high = squash(np.full((1, 3), 1e7), clipped)
    limit = np.where([True, True, False], 100.0, 1e7) * (clipped.scale if order == "old" else 1)
    np.testing.assert_allclose(high[0], limit)
    assert (unsquash(high, clipped)[0, :2] < 1e7).all()


@pytest.mark.parametrize("order", ["old", "new"])
def test_a_peak_is_twice_the_root_of_its_share_of_the_bin(order: Scale) -> None:
    peaks = replace(table(order), sum_stat=np.array(["peak"] * 3, dtype=object), exponent=np.ones(3))
    share = np.array([[0.04, 0.01, 0.09], [0.0, 0.5, 1.0]])
    made = squash(share, peaks)
    scale = np.array([0.3, 2.0, 1.0])
    seen = 2 * np.sqrt(share) * scale if order == "old" else 2 * np.sqrt(share * scale)
    np.testing.assert_allclose(made[0], seen[0])
    np.testing.assert_allclose(made[1], [0, 1, 1] * (scale if order == "old" else 1))
    np.testing.assert_allclose(unsquash(made[:1], peaks), share[:1])
