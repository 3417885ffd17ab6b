"""All metrics of a target, and regression against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from chiasma.core.errors import MismatchError, UsageError
from chiasma.data.dataset import Target
from chiasma.metrics.classification import auroc
from chiasma.metrics.regression import pearson, r2, rmse, spearman
from chiasma.metrics.score import PRIMARY, evaluators, higher_is_better, metric_names, score

RNG = np.random.default_rng(5)


def test_regression_equals_scipy_and_scikit_learn():
    from sklearn.metrics import r2_score, root_mean_squared_error

    y, p = RNG.integers(0, 9, 80).astype(float), RNG.integers(0, 9, 80).astype(float)
    w = RNG.integers(0, 4, 80)
    again = np.repeat(np.arange(80), w)
    assert r2(y, p) == pytest.approx(r2_score(y, p))
    assert rmse(y, p) == pytest.approx(root_mean_squared_error(y, p))
    assert pearson(y, p, weight=w) == pytest.approx(stats.pearsonr(y[again], p[again])[0])
    assert spearman(y, p, weight=w) == pytest.approx(stats.spearmanr(y[again], p[again])[0])
    assert r2(y, p, weight=w) == pytest.approx(r2_score(y[again], p[again]))


def test_constant_truth_or_prediction_is_nan():
    ramp, flat = np.arange(5.0), np.full(5, 0.1)
    assert np.isnan([r2(flat, ramp), pearson(flat, ramp), pearson(ramp, flat), spearman(ramp, flat)]).all()


@pytest.mark.parametrize("kind", list(PRIMARY))
def test_every_kind_has_its_metrics_finite_and_nan_for_nan(kind):
    values = {
        "binary": RNG.integers(0, 2, 60),
        "multiclass": RNG.integers(0, 3, 60),
        "multilabel": RNG.integers(0, 2, (60, 3)).astype(float),
        "regression": RNG.normal(size=(60, 3)),
    }[kind]
    names = ("a", "b") if kind == "binary" else ("a", "b", "c")
    scores = RNG.dirichlet(np.ones(len(names)), 60)
    target = Target(kind, values, names)
    found = score(target, scores)
    assert tuple(found) == metric_names(kind)
    assert np.isfinite(list(found.values())).all()
    assert PRIMARY[kind] in found
    scores[3] = np.nan
    assert np.isnan(list(score(target, scores).values())).all()


def test_multilabel_is_the_mean_over_labels_with_both_classes():
    y = np.column_stack([RNG.integers(0, 2, (30, 2)), np.zeros(30)]).astype(float)
    p = RNG.random((30, 3))
    expected = np.mean([auroc(y[:, 0], p[:, 0]), auroc(y[:, 1], p[:, 1])])
    assert score(Target("multilabel", y, ("a", "b", "c")), p)["auroc"] == pytest.approx(expected)


def test_bad_requests_are_told():
    target = Target("binary", np.array([0, 1]), ("n", "p"))
    with pytest.raises(MismatchError, match="shape"):
        score(target, np.zeros((2, 3)))
    with pytest.raises(UsageError, match="auroc"):
        evaluators(target, np.zeros((2, 2)), metrics=["aurok"])
    with pytest.raises(UsageError):
        metric_names("none")
    assert higher_is_better("auroc") and not higher_is_better("rmse")
