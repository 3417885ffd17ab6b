"""Sparse partial least squares: parity with the recorded output of mixOmics 6.35.2, selection, settings."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.methods.omics.spls.config import Config, nutrimouse, tiny
from chiasma.methods.omics.spls.examples import example
from chiasma.methods.omics.spls.model import Spls, build
from chiasma.stats.folds import stratified_folds
from chiasma.stats.pls.two_view_perf import view_folds


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


@pytest.mark.parametrize("mode", ["regression", "canonical"])
def test_tuning_is_by_held_out_correlation_of_plain_refits(mode):
    data = example(3)
    x = {name: block.values for name, block in data.x.blocks.items()}
    model = Spls(tune_grid=(2, 6), mode=mode, tune_folds=4).fit(x)
    first, second = model.tuning_
    assert set(first) == {(2, 2), (2, 6), (6, 2), (6, 6)}
    assert first[model.keep_x_[0], model.keep_y_[0]] == max(first.values())
    # The second component once more, by refits and predictions instead of deflated parts.
    fold = stratified_folds(np.zeros(60, dtype=int), 4, random=generator(0, "tune"))
    scores = np.zeros((2, 60))
    for number in range(4):
        inside = {name: block[fold != number] for name, block in x.items()}
        keep = {"keep_x": (model.keep_x_[0], 6), "keep_y": (model.keep_y_[0], 2)}
        fitted = Spls(mode=mode, **keep).fit(inside)
        held = {name: block[fold == number] for name, block in x.items()}
        scores[0, fold == number] = fitted.fitted_["gene"].place(held["gene"])[:, 1]
        lipid = fitted.fitted_["lipid"]
        if mode == "canonical":
            scores[1, fold == number] = lipid.place(held["lipid"])[:, 1]
        else:
            first_alone = Spls(ncomp=1, keep_x=keep["keep_x"][:1], keep_y=keep["keep_y"][:1]).fit(inside)
            told = first_alone.predict(held).to_numpy()
            left = (held["lipid"] - told) / inside["lipid"].std(axis=0, ddof=1)
            scores[1, fold == number] = left @ lipid.loadings[:, 1]
    assert second[6, 2] == pytest.approx(np.corrcoef(scores)[0, 1], abs=1e-9)


def test_one_number_given_the_other_tuned():
    data = example(4)
    model = Spls(keep_x=6, tune_grid=(3, 5)).fit(data.x, groups=np.arange(60) // 2)
    assert model.keep_x_ == (6, 6) and set(model.keep_y_) <= {3, 5}


def test_one_unit_is_not_divided():
    data = example(4)
    model = Spls(tune_grid=(3, 9, 5), perf_repeats=2, keep_x=6).fit(data.x, groups=np.zeros(60))
    assert model.keep_x_ == (6, 6) and model.keep_y_ == (5, 5)  # the middle of the grid
    assert model.tuning_ is None and model.perf_ is None


@pytest.mark.parametrize("config", [tiny(), Config(tune_grid=(3, 8))], ids=str)
def test_state_goes_round(config):
    data = example(2)
    model = build(config).fit(data.x)
    arrays, meta = model.state()
    back = Spls.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(data.x), model.transform(data.x))
    assert vars(back).keys() == vars(model).keys() and back.selected() == model.selected()
    assert back.tuning_ == model.tuning_


def test_wrong_settings_are_refused():
    for settings in ({"keep_x": (5,)}, {"keep_y": 0}, {"ncomps": 2}):
        with pytest.raises(UsageError, match=next(iter(settings))[:4]):
            Config.parse(settings)


def test_features_are_chosen_anew_in_every_fold():
    data = example(5)
    x = {name: block.values for name, block in data.x.blocks.items()}
    settings = {"ncomp": 1, "tune_grid": (2, 8), "tune_folds": 3}
    model = Spls(**settings, perf_repeats=1, perf_folds=4).fit(x)
    fold = view_folds(60, model._config(), None)[0]
    said, kept = np.empty_like(x["lipid"]), set()
    for number in range(4):
        held = fold == number
        own = Spls(**settings).fit({name: block[~held] for name, block in x.items()})
        said[held] = own.predict({"gene": x["gene"][held]}).to_numpy()
        kept.add((own.keep_x_, own.keep_y_))
    centred = x["lipid"] - x["lipid"].mean(axis=0)
    sd = centred.std(axis=0, ddof=1)
    expected = 1 - (((x["lipid"] - said) / sd) ** 2).sum() / ((centred / sd) ** 2).sum()
    assert model.perf_.rows[0]["q2"] == pytest.approx(expected)
    assert len(kept) > 1, "the same choice in every fold would show nothing"


def test_in_noise_no_component_is_worth_having():
    random = np.random.default_rng(1)
    noise = {"gene": random.standard_normal((30, 200)), "lipid": random.standard_normal((30, 50))}
    model = Spls(tune_grid=(2, 10), perf_repeats=2, perf_folds=5).fit(noise)
    assert max(model.tuning_[0].values()) > -0.5 and model.components_worth_having() == 0
    assert all(row["q2"] < 0 for row in model.perf_.rows)


@pytest.mark.realdata
def test_fatty_acids_of_mice_by_component(data_dir):
    """All three components of the case study help to predict the fatty acids of mice that were held out."""
    folder = data_dir / "omics" / "nutrimouse"
    x = {view: pd.read_csv(folder / f"{view}.csv.gz", index_col=0) for view in ("gene", "lipid")}
    model = build(nutrimouse().replace(perf_repeats=3, perf_folds=10)).fit(x)
    assert model.components_worth_having() == 3
    share = [np.mean([row["explained"] for row in model.perf_.rows if row["component"] == h]) for h in (1, 2, 3)]
    assert 0.03 < share[0] < share[1] < share[2] < 0.4
    assert set(model.errors_by_feature()["feature"]) == set(x["lipid"].columns)
