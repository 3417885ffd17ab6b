"""Rivals of alignment: they tell types within one set, see no labels of the test part, and refuse what is no matrix."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import NotTrainedError, UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Views
from chiasma.methods.omics.harmony.examples import example
from chiasma.rivals.cells import NearestCentroid, PcaNeighbours, SpaceLogistic, cell_rivals
from chiasma.rivals.choose import rivals_for


@pytest.mark.parametrize("kind", [NearestCentroid, PcaNeighbours, SpaceLogistic])
def test_types_within_one_set(kind):
    data = example(0)
    first = data.take(data.columns["set"] == "first")
    train, test = first.take(np.arange(60)), first.take(np.arange(60, 80))
    rival = kind()
    with pytest.raises(NotTrainedError):
        rival.predict(test)
    found = rival.fit(train, seed=1).predict(test)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    assert (found.argmax(axis=1) == test.target.values).mean() > 0.85
    assert "without alignment" in rival.describes


def test_pairs_get_them_and_views_are_refused():
    data = example(1)
    names = [rival.name for rival in rivals_for(data, card_rival="pca-neighbours")]
    assert names == ["majority", *(rival.name for rival in cell_rivals())]
    views = Dataset(data.ids, Views({"x": data.x}), data.target, data.unit, "cell")
    with pytest.raises(UsageError, match="genes"):
        PcaNeighbours().fit(views, seed=1)
