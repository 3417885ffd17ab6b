"""Linear rivals on matrices and views, and their engine against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import NotTrainedError, UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.metrics.score import score
from chiasma.rivals.choose import rivals_for
from chiasma.rivals.linear import Held, fit_linear, least_strength
from chiasma.rivals.matrix import MatrixLinear


def example(kind, n=120, *, seed=0, views=False):
    rng = np.random.default_rng(seed)
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    x = rng.normal(size=(n, 12))
    signal = x[:, :3] @ np.array([[2.0, 0, -1], [0, 2, -1], [-1, -1, 2]]) + 0.3 * rng.normal(size=(n, 3))
    x[rng.random(x.shape) < 0.02] = np.nan
    x[:, 11] = 5.0
    values = {
        "binary": (signal[:, 0] > 0).astype(np.int64),
        "multiclass": signal.argmax(axis=1),
        "multilabel": (signal > 0).astype(float),
        "regression": 10 + 3 * signal,
    }[kind]
    names = ("no", "yes") if kind == "binary" else ("a", "b", "c")
    matrix = Matrix(x, ids, np.array([f"f{i}" for i in range(12)], dtype=object))
    block = Views({"left": matrix.take_features(np.arange(3)), "right": matrix.take_features(np.arange(3, 12))})
    return Dataset(ids, block if views else matrix, Target(kind, values, names), np.arange(n))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize("views", [False, True])
def test_all_rivals_fit_every_target_and_beat_the_majority(kind, views):
    train, test = example(kind, views=views), example(kind, seed=1, views=views)
    rivals = rivals_for(train, card_rival="concatenated-logistic")
    assert rivals[0].name == "majority"
    assert len({rival.name for rival in rivals}) == len(rivals) == (5 if views else 3)
    for rival in rivals:
        predicted = rival.fit(train, seed=0).predict(test)
        assert predicted.shape == (120, train.target.n_outputs) and np.isfinite(predicted).all()
        if kind in ("binary", "multiclass"):
            assert np.allclose(predicted.sum(axis=1), 1)
        assert np.array_equal(predicted, type(rival).fit(rival, train, seed=0).predict(test))
        if rival.name.startswith(("concatenated", "lasso", "left")):
            assert score(test.target, predicted)["r2" if kind == "regression" else "auroc"] > 0.8


def test_ridge_equals_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    data = example("multiclass")
    x = np.nan_to_num(data.x.values[:, :11])
    strength = 0.05
    ours = fit_linear(Held(x), data.target, data.unit, strengths=[strength], seed=0).predict(Held(x))
    theirs = LogisticRegression(C=1 / (strength * len(x)), tol=1e-10, max_iter=5000).fit(x, data.target.values)
    assert np.allclose(ours, theirs.predict_proba(x), atol=2e-3)


def test_lasso_equals_scikit_learn_and_the_least_strength_empties_it():
    from sklearn.linear_model import Lasso

    data = example("regression")
    target = Target("regression", data.target.values[:, :1], ("a",))
    x = np.nan_to_num(data.x.values[:, :11])
    x -= x.mean(axis=0)
    scale = target.values.std()
    ours = fit_linear(Held(x), target, data.unit, strengths=[0.1], seed=0, lasso=True)
    theirs = Lasso(alpha=0.1 * scale, tol=1e-10).fit(x, target.values[:, 0])
    assert np.allclose(ours.weights[:, 0], theirs.coef_, atol=1e-3)
    top = least_strength(Held(x), target)
    empty = fit_linear(Held(x), target, data.unit, strengths=[top * 1.001], seed=0, lasso=True)
    some = fit_linear(Held(x), target, data.unit, strengths=[top * 0.9], seed=0, lasso=True)
    assert np.abs(empty.weights).max() == 0 < np.abs(some.weights).max()


def test_a_view_missing_from_new_data_is_read_as_its_mean():
    train = example("binary", views=True)
    test = example("binary", seed=1, views=True)
    left = Dataset(test.ids, Views({"left": test.x.blocks["left"]}), test.target, test.unit)
    rival = MatrixLinear(name="all").fit(train, seed=0)
    assert score(left.target, rival.predict(left))["auroc"] > 0.9


def test_misuse_is_told():
    data = example("binary")
    with pytest.raises(NotTrainedError):
        MatrixLinear(name="x").predict(data)
    with pytest.raises(UsageError, match="concatenated-logistic"):
        rivals_for(data, card_rival="concatenated-logstic")
