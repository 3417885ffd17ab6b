from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chiasma.core.errors import InputError, NotTrainedError
from chiasma.data.dataset import Dataset
from chiasma.data.tracks import Tracks
from chiasma.rivals.choose import rivals_for
from chiasma.rivals.tracks import GCContent, MeanCoverage
from chiasma.simulate.planted import planted_motifs
from chiasma.simulate.planted_tracks import planted_tracks


def following_gc(seed: int = 1) -> Dataset:
    """Windows whose only track is the share of G and C in five bins."""
    data = planted_tracks(seed, examples=20)
    assert isinstance(data.x, Tracks)
    gc = np.isin(data.x.codes, (1, 2)).reshape(20, 32, 32).mean(axis=2)
    around = np.stack([gc[:, place - 2 : place + 3].mean(axis=1) for place in range(4, 28)], axis=1)
    y = np.repeat(around[:, :, None], 4, axis=2)
    return replace(data, target=replace(data.target, values=y.astype(np.float16)))


def test_windows_with_tracks_face_their_own_rivals() -> None:
    found = rivals_for(planted_tracks(1), card_rival="gc-content")
    assert [rival.name for rival in found] == ["mean-coverage", "gc-content"]


def test_mean_coverage_is_the_mean_by_bin() -> None:
    data = planted_tracks(1)
    found = MeanCoverage().fit(data, seed=1).predict(data.take(np.arange(3)))
    expected = data.target.values.astype(float).mean(axis=0)
    np.testing.assert_allclose(found, np.stack([expected] * 3))


def test_composition_finds_a_track_that_follows_it() -> None:
    train, test = following_gc(1), following_gc(2)
    found = GCContent().fit(train, seed=1).predict(test)
    assert found.shape == test.target.values.shape
    assert np.corrcoef(found[:, :, 0].ravel(), test.target.values[:, :, 0].ravel())[0, 1] > 0.95


def test_unfitted_and_other_data() -> None:
    for rival in (MeanCoverage(), GCContent()):
        with pytest.raises(NotTrainedError):
            rival.predict(planted_tracks(1))
    with pytest.raises(InputError, match="windows with tracks"):
        GCContent().fit(planted_motifs(1), seed=1)
