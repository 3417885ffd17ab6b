from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st

from chiasma.metrics.regression import pearson, r2
from chiasma.metrics.tracks import TrackMoments, pearson_by_track


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 1e4))
def test_batches_add_up_to_the_plain_correlation(seed: int, batches: int, level: float) -> None:
    draw = np.random.default_rng(seed)
    y = draw.normal(size=(batches, 2, 5, 3)) + level
    p = 0.5 * y + draw.normal(size=y.shape)
    moments = TrackMoments()
    for target, predicted in zip(y, p, strict=True):
        moments.add(target, predicted)
    for track in range(3):
        flat = y[..., track].ravel(), p[..., track].ravel()
        np.testing.assert_allclose(moments.pearson()[track], pearson(*flat), atol=1e-9)
        np.testing.assert_allclose(moments.r2()[track], r2(*flat), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(pearson_by_track(zip(y, p, strict=True)), moments.pearson())


def test_a_flat_track_has_no_correlation() -> None:
    y = np.zeros((1, 4, 2))
    y[0, :, 1] = [1, 2, 3, 4]
    found = pearson_by_track([(y, np.arange(8.0).reshape(1, 4, 2))])
    assert np.isnan(found[0]) and np.isclose(found[1], 1.0)
