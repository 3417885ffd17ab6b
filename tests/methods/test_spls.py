"""Sparse partial least squares: parity with the recorded output of mixOmics 6.35.2, selection, settings."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import UsageError
from chiasma.methods.omics.spls.config import Config, nutrimouse, tiny
from chiasma.methods.omics.spls.examples import example
from chiasma.methods.omics.spls.model import Spls, build


@pytest.mark.realdata
def test_nutrimouse_equals_the_recorded_output(data_dir, reference_dir):
    folder = data_dir / "omics" / "nutrimouse"
    x = {view: pd.read_csv(folder / f"{view}.csv.gz", index_col=0) for view in ("gene", "lipid")}
    model = build(nutrimouse()).fit(x)
    loadings = model.loadings()
    theirs = {
        view: pd.read_csv(reference_dir / "nutrimouse" / f"spls_load{axis}.csv", index_col=0)
        for view, axis in (("gene", "X"), ("lipid", "Y"))
    }
    signs = np.sign((loadings["gene"].to_numpy() * theirs["gene"].to_numpy()).sum(axis=0))
    for view, table in theirs.items():
        ours = loadings[view]
        assert list(ours.index) == list(table.index)
        assert np.array_equal(ours.to_numpy() != 0, table.to_numpy() != 0), "another selection"
        np.testing.assert_allclose(ours * signs, table.to_numpy(), atol=1e-10)


@pytest.mark.parametrize("mode", ["regression", "canonical"])
def test_selected_features_carry_the_signal(mode):
    data = example(1)
    model = Spls(keep_x=(6, 4), keep_y=3, mode=mode).fit(data.x)
    assert [(table != 0).sum().tolist() for table in model.loadings().values()] == [[6, 4], [3, 3]]
    rows = pd.DataFrame(model.selected())
    telling = {f"gene_{index}" for index in range(8)} | {f"lipid_{index}" for index in range(6)}
    assert rows["feature"].isin(telling).mean() > 0.85
    assert rows.groupby(["view", "component"])["rank"].max().to_dict() == {
        ("gene", 1): 6,
        ("gene", 2): 4,
        ("lipid", 1): 3,
        ("lipid", 2): 3,
    }


def test_state_goes_round():
    data = example(2)
    config = tiny()
    model = build(config).fit(data.x)
    arrays, meta = model.state()
    back = Spls.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(data.x), model.transform(data.x))
    assert vars(back).keys() == vars(model).keys() and back.selected() == model.selected()


def test_wrong_settings_are_refused():
    for settings in ({"keep_x": (5,)}, {"keep_y": 0}, {"ncomps": 2}):
        with pytest.raises(UsageError, match=next(iter(settings))[:4]):
            Config.parse(settings)
