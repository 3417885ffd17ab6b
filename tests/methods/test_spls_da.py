"""Sparse PLS-DA: scikit-learn's own checks, and parity with the recorded output of mixOmics 6.35.2."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.methods.omics.spls_da.config import Config, default, srbct, tiny
from chiasma.methods.omics.spls_da.examples import example
from chiasma.methods.omics.spls_da.model import SplsDa, build
from chiasma.stats.pls.block_perf import perf_folds


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([SplsDa()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.realdata
def test_srbct_equals_the_recorded_output(data_dir, reference_dir):
    folder = data_dir / "omics" / "small_mixomics"
    x = pd.read_csv(folder / "srbct__gene.csv.gz", index_col=0)
    y = pd.read_csv(folder / "srbct__class.csv.gz", index_col=0)["value"].to_numpy()
    model = build(srbct()).fit(x, y)
    theirs = pd.read_csv(reference_dir / "srbct" / "loadings.csv", index_col=0)
    ours = model.loadings()["x"]
    signs = np.sign((ours.to_numpy() * theirs.to_numpy()).sum(axis=0))
    assert list(ours.index) == list(theirs.index)
    assert np.array_equal(ours.to_numpy() != 0, theirs.to_numpy() != 0)
    np.testing.assert_allclose(ours * signs, theirs.to_numpy(), atol=1e-8)
    variates = pd.read_csv(reference_dir / "srbct" / "variates.csv", index_col=0)
    np.testing.assert_allclose(model.transform(x) * signs, variates, atol=1e-8)
    assert model.score(x, y) > 0.95
    assert (ours != 0).sum().tolist() == [9, 280, 30]


def test_tuning_and_groups():
    data = example(0)
    model = build(default()).fit(data.x, data.target.values, groups=np.arange(60) // 2)
    assert len(model.tuning_errors_) == 2
    assert model.tuning_errors_[0][model.keep_x_[0]] == min(model.tuning_errors_[0].values())
    assert model.score(data.x, data.target.values) > 0.85


def test_selected_features_carry_the_signal():
    data = example(1)
    rows = build(tiny()).fit(data.x, data.target.values).selected()
    telling = {f"gene{index:02d}" for index in range(8)}
    assert sum(row["feature"] in telling for row in rows) >= 9
    assert [row["rank"] for row in rows if row["component"] == 1] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("distance", ["max", "centroids", "mahalanobis", "mahalanobis-mixomics"])
def test_missing_values_and_distances(distance):
    data = example(2)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    model = SplsDa(keep_x=8, distance=distance).fit(values, data.target.values)
    assert model.score(values, data.target.values) > 0.75


@pytest.mark.parametrize("settings", [{}, {"keep_x": (5, 5)}])
def test_state_goes_round(settings):
    data = example(3)
    config = Config(**settings)
    model = build(config).fit(data.x, data.target.values)
    arrays, meta = model.state()
    back = SplsDa.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.predict_proba(data.x), model.predict_proba(data.x))
    assert back.state()[1] == json.loads(json.dumps(meta))
    assert back.selected() == model.selected()
    assert list(back.get_feature_names_out()) == ["splsda0", "splsda1"]


def test_wrong_settings_are_refused():
    for settings in ({"keep_x": (5,)}, {"keep_x": 0}, {"ncomp": 0}, {"tune_folds": 1}):
        with pytest.raises(UsageError):
            SplsDa(**settings).fit(example(0).x, example(0).target.values)


def test_errors_by_component_tune_anew_in_every_fold():
    data = example(4)
    x, y = data.x.values, data.target.values
    settings = {"tune_grid": (2, 6, 30), "tune_folds": 3}
    model = SplsDa(**settings, perf_repeats=1, perf_folds=4).fit(x, y)
    fold = perf_folds(y, model._config(), None)[0]
    wrong, kept = np.zeros(60, dtype=bool), set()
    for number in range(4):
        held = fold == number
        own = SplsDa(**settings).fit(x[~held], y[~held])
        wrong[held] = own.predict(x[held]) != y[held]
        kept.add(own.keep_x_)
    rows = pd.DataFrame(model.perf_).set_index(["component", "distance"])
    assert rows.loc[(2, "centroids"), "overall"] == pytest.approx(wrong.mean())
    assert len(kept) > 1, "the same choice in every fold would show nothing"
    assert "component_errors" in model.figures()


def test_in_noise_the_error_is_chance():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((30, 500)), np.repeat([0, 1], 15)
    model = SplsDa(ncomp=1, tune_grid=(1, 5, 50), tune_folds=3, perf_repeats=4, perf_folds=5).fit(x, y)
    assert 0.4 < np.mean([row["ber"] for row in model.perf_]) < 0.7
