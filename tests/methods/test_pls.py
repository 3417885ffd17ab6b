"""Partial least squares between two views: scikit-learn's own, both modes, holes, the response by name."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSCanonical, PLSRegression
from sklearn.exceptions import ConvergenceWarning

from chiasma.core.errors import UsageError
from chiasma.methods.omics.pls.config import Config, default, tiny
from chiasma.methods.omics.pls.examples import example
from chiasma.methods.omics.pls.model import Pls, build
from chiasma.stats.pls.two_view_perf import view_folds


def views(seed: int) -> dict[str, np.ndarray]:
    return {name: block.values for name, block in example(seed).x.blocks.items()}


@pytest.mark.parametrize("scale", [True, False])
def test_regression_predicts_as_scikit_learns(scale):
    x = views(0)
    ours = Pls(ncomp=3, scale=scale, tol=1e-24, max_iter=5000).fit(x)
    theirs = PLSRegression(3, scale=scale, tol=1e-14, max_iter=5000).fit(x["gene"], x["lipid"])
    np.testing.assert_allclose(ours.predict(x).to_numpy(), theirs.predict(x["gene"]), atol=1e-6)
    new = np.random.default_rng(0).standard_normal((5, 30))
    np.testing.assert_allclose(ours.predict({"gene": new}).to_numpy(), theirs.predict(new), atol=1e-6)
    assert list(ours.predict(x).columns)[:2] == ["lipid_0", "lipid_1"]
    signs = np.sign((ours.transform(x) * theirs.x_scores_).sum(axis=0))
    np.testing.assert_allclose(ours.transform(x) * signs, theirs.x_scores_, atol=1e-6)


def test_canonical_variates_are_scikit_learns():
    x = views(1)
    ours = Pls(ncomp=3, mode="canonical", tol=1e-24, max_iter=5000).fit(x)
    theirs = PLSCanonical(3, tol=1e-14, max_iter=5000).fit(x["gene"], x["lipid"])
    for view, scores in zip(x, theirs.transform(x["gene"], x["lipid"])):
        found = ours.variates(x)[view]
        np.testing.assert_allclose(found * np.sign((found * scores).sum(axis=0)), scores, atol=1e-6)


def test_all_components_tell_everything():
    """As many components as features: the predictor comes back from its factors, in units of the input."""
    x = {"gene": views(2)["gene"][:, :5] * 7 + 3, "lipid": views(2)["lipid"]}
    model = Pls(ncomp=5).fit(x)
    np.testing.assert_allclose(model.reconstruct(model.transform(x))["gene"], x["gene"], atol=1e-8)
    assert model.explained().loc["gene"].sum() == pytest.approx(1)


def test_canonical_factors_stand_for_either_view():
    x = views(3)
    model = build(tiny()).fit(x)
    both, gene = model.transform(x), model.transform({"gene": x["gene"]})
    lipid = model.transform({**x, "gene": x["gene"] * np.nan})
    np.testing.assert_allclose(both, (gene + lipid) / 2, atol=1e-12)
    assert np.corrcoef(gene[:, 0], lipid[:, 0])[0, 1] > 0.8
    np.testing.assert_allclose(gene.std(axis=0), 1, atol=1e-9)
    with pytest.raises(ValueError, match="1 samples lack the view"):
        model.transform({name: np.where(np.arange(60)[:, None] == 3, np.nan, block) for name, block in x.items()})


@pytest.mark.parametrize("mode", ["regression", "canonical"])
def test_holes_and_state(mode):
    x = views(4)
    draw = np.random.default_rng(0)
    holed = {name: np.where(draw.random(block.shape) < 0.1, np.nan, block) for name, block in x.items()}
    holed["gene"][:, 2] = 1.0
    config = Config(mode=mode, response="gene")
    model = build(config).fit(holed)
    assert model.response_ == "gene" and model.constant_features_["gene"] == ["gene_2"]
    whole = build(config).fit(x)
    for one, two in zip(model.transform(holed).T, whole.transform(x).T):
        assert abs(np.corrcoef(one, two)[0, 1]) > 0.8
    arrays, meta = model.state()
    back = Pls.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(holed), model.transform(holed))
    assert vars(back).keys() == vars(model).keys()
    assert list(back.get_feature_names_out()) == ["comp1", "comp2"]
    assert list(back.loadings()) == ["gene", "lipid"] and back.explained().shape == (2, 2)


def test_what_cannot_be_used_is_refused():
    x = views(0)
    for settings in ({"ncomp": 0}, {"mode": "invariant"}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            Pls(**settings).fit(x)
    with pytest.raises(ValueError, match="did you mean 'lipid'"):
        Pls(response="lipids").fit(x)
    with pytest.raises(ValueError, match="2 views"):
        build(default()).fit({**x, "third": x["gene"]})
    with pytest.raises(ValueError, match="no feature varies"):
        build(default()).fit({**x, "lipid": np.ones((60, 2))})
    empty = {name: np.where(np.arange(60)[:, None] == 3, np.nan, block) for name, block in x.items()}
    with pytest.raises(ValueError, match="no value in any view"):
        build(default()).fit(empty)
    with pytest.raises(ValueError, match="lack the view"):
        build(default()).fit(x).transform({"lipid": x["lipid"]})
    holed = {name: np.where(np.random.default_rng(0).random(b.shape) < 0.2, np.nan, b) for name, b in x.items()}
    with pytest.warns(ConvergenceWarning, match="max_iter"):  # without holes the start is the solution
        Pls(max_iter=1, tol=1e-30).fit(holed)


@pytest.mark.parametrize("settings", [{}, {"mode": "canonical"}, {"response": "gene"}], ids=str)
def test_a_view_of_one_feature_and_more_components_than_rank(settings):
    x = {"gene": views(5)["gene"][:, :4], "lipid": views(5)["lipid"][:, :1]}
    model = Pls(ncomp=6, **settings).fit(x)
    assert np.isfinite(model.transform(x)).all() and model.transform(x).shape == (60, 6)
    assert all(np.isfinite(told).all() for told in model.reconstruct(model.transform(x)).values())


def test_prediction_of_held_out_samples_is_that_of_scikit_learns_refits():
    """Q2 = 1 - PRESS_h / RSS_(h-1), r2 and mean squared error by feature and of all, from refits fold by fold."""
    x = views(4)
    x["lipid"] = x["lipid"] * np.arange(1, 13) + 5  # features of unlike spread
    model = Pls(ncomp=3, perf_repeats=2, perf_folds=4, tol=1e-24, max_iter=5000).fit(x)
    folds = view_folds(60, model._config(), None)
    sd = x["lipid"].std(axis=0, ddof=1)

    def predicted(h: int, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        return (
            PLSRegression(h, tol=1e-14, max_iter=5000)
            .fit(x["gene"][inside], x["lipid"][inside])
            .predict(x["gene"][outside])
        )

    everyone = np.ones(60, dtype=bool)
    of_features = []
    for repeat, fold in enumerate(folds):
        left = ((x["lipid"] - x["lipid"].mean(axis=0)) ** 2).sum(axis=0)
        for h in (1, 2, 3):
            said, means = np.empty_like(x["lipid"]), np.empty_like(x["lipid"])
            for number in range(4):
                said[fold == number] = predicted(h, fold != number, fold == number)
                means[fold == number] = x["lipid"][fold != number].mean(axis=0)
            nothing = (((x["lipid"] - means) / sd) ** 2).mean()
            press = ((x["lipid"] - said) ** 2).sum(axis=0)
            r2 = np.array([np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(x["lipid"].T, said.T)])
            row = model.perf_.rows[repeat * 3 + h - 1]
            assert (row["repeat"], row["component"]) == (repeat + 1, h)
            assert row["q2"] == pytest.approx(1 - (press / sd**2).sum() / (left / sd**2).sum(), abs=1e-6)
            assert row["r2"] == pytest.approx(r2.mean(), abs=1e-6)
            assert row["msep"] == pytest.approx((press / 60 / sd**2).mean(), abs=1e-6)
            assert row["explained"] == pytest.approx(1 - (press / 60 / sd**2).mean() / nothing, abs=1e-6)
            of_features += [(h, j, 1 - press[j] / left[j], r2[j], press[j] / 60) for j in range(12)]
            left = ((x["lipid"] - predicted(h, everyone, everyone)) ** 2).sum(axis=0)
    theirs = pd.DataFrame(of_features, columns=["component", "feature", "q2", "r2", "msep"])
    theirs = theirs.groupby(["component", "feature"]).mean().to_numpy()
    ours = model.errors_by_feature()
    np.testing.assert_allclose(ours[["q2", "r2", "msep"]], theirs, atol=1e-5)
    assert ours["feature"].tolist()[:2] == ["lipid_0", "lipid_1"] and ours["component"].tolist()[12] == 2


def test_as_many_components_are_worth_having_as_were_planted():
    assert Pls(ncomp=4, perf_repeats=3, perf_folds=5).fit(views(5)).components_worth_having() == 2
    random = np.random.default_rng(0)
    noise = {"gene": random.standard_normal((40, 300)), "lipid": random.standard_normal((40, 10))}
    model = Pls(perf_repeats=3, perf_folds=5).fit(noise)
    assert model.components_worth_having() == 0
    assert np.mean([row["r2"] for row in model.perf_.rows]) < 0.1
    assert "component_quality" in model.figures()
    for settings, got in (({}, "perf_repeats = 0"), ({"mode": "canonical", "perf_repeats": 1}, "canonical mode")):
        with pytest.raises(UsageError, match=got):
            Pls(**settings).fit(noise).components_worth_having()
    assert len(Pls().fit(noise).errors_by_feature()) == 0


def test_equal_views_are_judged_by_the_correlation_of_held_out_variates():
    x = views(6)
    groups = np.arange(60) // 3
    model = Pls(mode="canonical", perf_repeats=1, perf_folds=5).fit(x, groups=groups)
    fold = view_folds(60, model._config(), groups)[0]
    assert all(len(np.unique(fold[groups == unit])) == 1 for unit in range(20))
    assert view_folds(60, model._config(), np.zeros(60)) is None  # one unit, which no fold divides
    scores = np.empty((2, 60, 2))
    for number in range(5):
        held = fold == number
        own = Pls(mode="canonical").fit({name: block[~held] for name, block in x.items()})
        for index, name in enumerate(x):
            scores[index, held] = own.fitted_[name].place(x[name][held])
    for h in (0, 1):
        assert model.perf_.rows[h]["correlation"] == pytest.approx(np.corrcoef(scores[:, :, h])[0, 1])
    assert model.perf_.rows[0]["correlation"] > 0.7 and "component_quality" in model.figures()


def test_prediction_with_holes_and_its_state():
    x = views(7)
    x["lipid"][np.random.default_rng(0).random(x["lipid"].shape) < 0.1] = np.nan
    config = Config(perf_repeats=1, perf_folds=3)
    model = build(config).fit(x)
    assert model.perf_.rows[0]["explained"] > 0.1 and np.isfinite(model.errors_by_feature()["msep"]).all()
    arrays, meta = model.state()
    back = Pls.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert back.perf_.rows == model.perf_.rows and vars(back).keys() == vars(model).keys()
    assert back.errors_by_feature().equals(model.errors_by_feature())
