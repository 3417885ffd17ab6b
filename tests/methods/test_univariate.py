"""Univariate selection: scikit-learn's checks, what is selected, and cross-validation that selects inside the folds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.methods.omics.univariate.config import Config, default, ranks
from chiasma.methods.omics.univariate.examples import example
from chiasma.methods.omics.univariate.model import Univariate, build
from chiasma.workflow.fitting.cross_validate import cross_validate


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Univariate(), Univariate(statistic="mann-whitney", classifier="centroid")])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("statistic", ["moderated-t", "spearman", "mann-whitney"])
@pytest.mark.parametrize("classifier", ["ridge", "centroid"])
def test_the_telling_features_are_selected_and_predict(statistic, classifier):
    train, test = example(0), example(1)
    model = build(Config(statistic=statistic, classifier=classifier)).fit(train.x, train.target.values)
    rows = model.selected()
    assert {row["feature"] for row in rows[:6]} == {f"gene{index:02d}" for index in range(6)}
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    same_scale = test.x.values * train.x.values.std(axis=0) / test.x.values.std(axis=0)
    assert model.score(replace(test.x, values=same_scale), test.target.values) > 0.8
    table = model.statistics()
    assert table["selected"].sum() == len(rows) and table["p"].is_monotonic_increasing
    assert (table["q"] <= 0.05).sum() == model.passed_
    loadings = model.loadings()["x"]
    assert (loadings["1"] != 0).sum() == len(rows)
    assert loadings["-log10 FDR"].idxmax() == rows[0]["feature"]


def test_numbers_of_features():
    data = example(2)
    x, y = data.x, data.target.values
    assert len(build(Config(at_most=5)).fit(x, y).selected_) == 5
    strict = build(Config(fdr=1e-30, at_least=3)).fit(x, y)
    assert strict.passed_ == 0 and len(strict.selected_) == 3
    with pytest.raises(UsageError, match="at_most"):
        Univariate(at_most=2).fit(x, y)


def test_more_classes_have_a_contrast_each():
    random = np.random.default_rng(0)
    codes = np.arange(60) % 3
    values = random.standard_normal((60, 20))
    values[:, 0] += 3 * (codes == 0)
    values[:, 1] += 3 * (codes == 2)
    labels = np.array(["a", "b", "c"])[codes]
    for classifier in ("ridge", "centroid"):
        model = Univariate(classifier=classifier, at_least=2).fit(values, labels)
        assert set(model.selected_[:2]) == {0, 1}
        assert model.score(values, labels) > 0.75
        assert list(model.loadings()["x"].columns) == ["a", "b", "c", "-log10 FDR"]


@pytest.mark.parametrize("make", [default, ranks])
def test_missing_values_and_state(make):
    data = example(3)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    values[:, 39] = np.nan
    model = build(make()).fit(values, data.target.values)
    assert 39 not in model.selected_ and model.score(values, data.target.values) > 0.85
    arrays, meta = model.state()
    back = Univariate.from_state(make(), arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.predict_proba(values), model.predict_proba(values))
    assert vars(back).keys() == vars(model).keys()
    assert back.statistics().equals(model.statistics()) and back.selected() == model.selected()


def test_selection_inside_the_folds_finds_nothing_in_noise():
    """Selected on all samples, noise would be told apart; inside the folds it is not."""
    random = np.random.default_rng(1)
    ids = np.asarray([f"s{index}" for index in range(40)], dtype=object)
    names = np.asarray([f"f{index}" for index in range(1000)], dtype=object)
    noise = Matrix(random.standard_normal((40, 1000)), ids, names)
    codes = np.arange(40) % 2
    data = Dataset(ids, noise, Target("binary", codes, ("a", "b")), np.arange(40), "sample")
    found = cross_validate(lambda: build(default()), data, seed=0, folds=5, repeats=2)
    assert abs(found.ber.mean() - 0.5) < 0.2
    chosen = build(default()).fit(noise, codes).selected_
    leaked = Dataset(ids, noise.take_features(chosen), data.target, data.unit, "sample")
    assert cross_validate(lambda: build(default()), leaked, seed=0, folds=5, repeats=3).ber.mean() < 0.2
