"""LASSO: scikit-learn's checks, the choice of the penalty, stability, and what goes round."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import MismatchError, UsageError
from chiasma.methods.omics.lasso.config import Config, elastic_net, sparse, tiny
from chiasma.methods.omics.lasso.examples import example
from chiasma.methods.omics.lasso.model import Lasso, build
from chiasma.workflow.fitting.cross_validate import cross_validate


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Lasso(cv_folds=2, stability_resamples=0), Lasso(strength=0.02, stability_resamples=2)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_penalties_proposed_and_used():
    data = example(0)
    x, y = data.x, data.target.values
    least = build(Config(stability_resamples=0, cv_folds=4)).fit(x, y)
    fewest = build(sparse().replace(stability_resamples=0, cv_folds=4)).fit(x, y)
    assert least.strength_ == least.lambda_min_ <= least.lambda_1se_ == fewest.strength_
    assert np.count_nonzero(fewest.coef_) < np.count_nonzero(least.coef_)
    assert least.curve_["lambda"][least.curve_["deviance"].argmin()] == least.lambda_min_
    fixed = build(Config(strength=least.strength_, stability_resamples=0)).fit(x, y)
    np.testing.assert_allclose(fixed.coef_, least.coef_, atol=2e-4)
    assert fixed.lambda_min_ is None and len(fixed.folds_) == 0
    net = build(elastic_net().replace(strength=0.1, stability_resamples=0)).fit(x, y)
    lone = build(Config(strength=0.1, stability_resamples=0)).fit(x, y)
    assert np.count_nonzero(net.coef_) > np.count_nonzero(lone.coef_)
    assert build(Config(strength=50.0)).fit(x, y).selected() == []


def test_the_telling_features_are_selected_for_their_class():
    data, new = example(1), example(2)
    model = build(tiny()).fit(data.x, np.asarray(data.target.names)[data.target.values])
    top = {(row["class"], row["feature"]) for row in model.selected() if row["rank"] <= 2}
    telling = [(name, f"gene{2 * code + extra:02d}") for code, name in enumerate(data.target.names) for extra in (0, 1)]
    assert len(top & set(telling)) >= 5
    assert model.score(new.x, np.asarray(new.target.names)[new.target.values]) > 0.8
    assert set(model.stable()) <= {f"gene{index:02d}" for index in range(6)} and len(model.stable()) >= 2
    table = model.loadings()["x"]
    assert list(table.columns) == [*data.target.names, "stability"]
    assert ((table["stability"] >= 0) & (table["stability"] <= 1)).all()


def test_folds_given_and_groups():
    data = example(3)
    x, y = data.x, data.target.values
    units = np.arange(60) // 2
    grouped = build(Config(stability_resamples=0, cv_folds=3)).fit(x, y, groups=units)
    assert all(len(set(grouped.folds_[units == unit])) == 1 for unit in range(30))
    given = build(Config(stability_resamples=0)).fit(x, y, fold_ids=np.arange(60) % 3 + 1)
    assert np.array_equal(given.folds_, np.arange(60) % 3)
    for wrong in (np.zeros(60), np.arange(10)):
        with pytest.raises(MismatchError, match="fold ids"):
            build(Config()).fit(x, y, fold_ids=wrong)


def test_missing_values_and_state():
    data = example(4)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    for config in (tiny(), Config(strength=0.05, stability_resamples=0)):
        model = build(config).fit(values, data.target.values)
        assert model.score(values, data.target.values) > 0.85
        arrays, meta = model.state()
        back = Lasso.from_state(config, arrays, json.loads(json.dumps(meta)))
        assert np.array_equal(back.predict_proba(values), model.predict_proba(values))
        assert vars(back).keys() == vars(model).keys() and back.loadings()["x"].equals(model.loadings()["x"])


def test_a_class_of_one_sample_is_survived():
    data = example(5)
    keep = np.flatnonzero((data.target.values != 2) | (np.arange(60) == 59))
    model = build(Config(stability_resamples=3)).fit(data.x.take(keep), data.target.values[keep])
    assert model.folds_.max() == 1 and np.isfinite(model.predict_proba(data.x)).all()


def test_cross_validated_from_outside():
    found = cross_validate(lambda: build(tiny()), example(6), seed=0, folds=2, repeats=1)
    assert found.ber[0] < 0.35
    assert found.stability[0]["stability"] == 1.0


def test_wrong_settings_are_refused():
    data = example(0)
    for settings in (
        {"l1_ratio": 1.2},
        {"strength": 0},
        {"pick": "max"},
        {"cv_folds": 1},
        {"stability_threshold": 0.5},
    ):
        with pytest.raises(UsageError, match=next(iter(settings))):
            Lasso(**settings).fit(data.x, data.target.values)
