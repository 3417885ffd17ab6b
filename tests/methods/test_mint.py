"""MINT on simulated studies: the paper's sums written plainly, what it claims, scikit-learn's checks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.methods.omics.mint.config import Config, default, tiny
from chiasma.methods.omics.mint.examples import example
from chiasma.methods.omics.mint.model import Mint, build
from chiasma.methods.omics.spls_da.config import Config as SplsDaConfig
from chiasma.methods.omics.spls_da.model import build as build_spls_da


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Mint()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def data_of(seed: int):
    data = example(seed)
    return data.x.values, data.target.values, data.unit


def slow_first_component(x, y, study, keep, sweeps):
    """Rohart et al. 2017, Methods: centre and scale in each study, sum the studies' partial products."""
    parts = []
    for name in np.unique(study):
        z, d = x[study == name], np.eye(2)[y[study == name]]
        parts.append(((z - z.mean(axis=0)) / z.std(axis=0, ddof=1), (d - d.mean(axis=0)) / d.std(axis=0, ddof=1)))
    cross = sum(z.T @ d for z, d in parts)
    b = np.linalg.svd(cross)[2][0]
    for _ in range(sweeps):
        a = sum(z.T @ (d @ b) for z, d in parts)
        border = np.sort(np.abs(a))[len(a) - keep - 1]
        a = np.sign(a) * np.maximum(np.abs(a) - border, 0)
        a /= np.linalg.norm(a)
        b = sum(d.T @ (z @ a) for z, d in parts)
        b /= np.linalg.norm(b)
    return a


def test_component_equals_its_slow_twin():
    x, y, study = data_of(0)
    model = Mint(ncomp=1, keep_x=7, tol=1e-28, max_iter=500).fit(x, y, study=study)
    ours, slow = model.model_.blocks["x"].loadings[:, 0], slow_first_component(x, y, study, 7, 100)
    np.testing.assert_allclose(ours * np.sign(ours @ slow), slow, atol=1e-9)


def test_one_study_is_sparse_plsda():
    x, y, _ = data_of(1)
    ours = build(tiny()).fit(x, y)
    theirs = build_spls_da(SplsDaConfig(keep_x=8)).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-9)
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), atol=1e-9)


def test_level_and_scale_of_a_study_change_nothing():
    x, y, study = data_of(2)
    turned = np.where((study == 3)[:, None], 7 * x + 100, x)
    one, two = (build(tiny()).fit(each, y, study=study) for each in (x, turned))
    np.testing.assert_allclose(one.loadings()["x"], two.loadings()["x"], atol=1e-9)
    np.testing.assert_allclose(one.predict_proba(x, study=study), two.predict_proba(turned, study=study), atol=1e-9)


def test_a_study_left_out_is_told_better_than_without_studies():
    x, y, study = data_of(3)
    right = {"mint": [], "spls-da": []}
    for name in range(6):
        inside = study != name
        model = build(tiny()).fit(x[inside], y[inside], study=study[inside])
        right["mint"].append((model.predict(x[~inside], study=study[~inside]) == y[~inside]).mean())
        plain = build_spls_da(SplsDaConfig(keep_x=8)).fit(x[inside], y[inside])
        right["spls-da"].append(plain.score(x[~inside], y[~inside]))
    assert np.mean(right["mint"]) > 0.9 > np.mean(right["spls-da"]) + 0.1


def test_signature_and_how_it_holds_in_each_study():
    data = example(4)
    model = build(tiny()).fit(data.x, data.target.values, study=data.unit)
    first = [row for row in model.selected() if row["component"] == 1]
    assert sum(row["feature"] < "gene10" for row in first) >= 7
    assert model.partial().shape == (6, 2) and (model.partial()["comp1"] > 0.7).all()


def test_tuning_leaves_out_studies():
    x, y, study = data_of(5)
    model = Mint(tune_grid=(1, 8, 40)).fit(x, y, study=study)
    errors = model.tuning_errors_[0]
    assert set(errors) == {1, 8, 40} and errors[model.keep_x_[0]] == min(errors.values())
    wrong = np.zeros(len(y), dtype=bool)
    for name in range(6):
        inside = study != name
        fitted = Mint(ncomp=1, keep_x=8).fit(x[inside], y[inside], study=study[inside])
        wrong[~inside] = fitted.predict(x[~inside], study=study[~inside]) != y[~inside]
    assert errors[8] == pytest.approx(np.mean([wrong[y == code].mean() for code in (0, 1)]))
    assert build(default()).fit(x, y).keep_x_ == (20, 20)


def test_holes_names_and_state():
    x, y, study = data_of(6)
    holed = np.where(np.random.default_rng(0).random(x.shape) < 0.1, np.nan, x)
    holed[study == 2, 5] = 1.0  # constant in one study only
    names = np.array(["Li", "Wu", "Chen", "Guenther", "Yu", "Bock"], dtype=object)[study]
    config = Config(keep_x=(8, 4), distance="mahalanobis")
    model = build(config).fit(holed, y, study=names)
    assert (model.predict(holed, study=names) == y).mean() > 0.9
    arrays, meta = model.state()
    back = Mint.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.predict_proba(holed, study=names), model.predict_proba(holed, study=names))
    assert vars(back).keys() == vars(model).keys()
    np.testing.assert_allclose(
        model.predict_proba(holed[:1], study=["Li"]), model.predict_proba(holed, study=names)[:1]
    )


def test_what_cannot_be_used_is_refused():
    x, y, study = data_of(0)
    with pytest.raises(ValueError, match="1 studies of one sample"):
        build(tiny()).fit(x, y, study=np.r_[study[:-1], 99])
    assert list(build(tiny()).fit(x, y).scaling_.studies) == ["all"]
    with pytest.raises(ValueError, match="1 studies of one sample"):
        build(tiny()).fit(x, y, study=study).predict(x[:1], study=["new"])
    with pytest.raises(ValueError, match="differ in number"):
        build(tiny()).fit(x, y, study=study[1:])
    for settings in ({"keep_x": (5,)}, {"keep_x": 0}, {"ncomp": 0}):
        with pytest.raises(UsageError):
            Mint(**settings).fit(x, y)


@pytest.mark.parametrize("keep", [None, 8])
def test_errors_by_component_leave_out_studies(keep):
    """Each study once more by a fit to the others, which tunes for itself by leaving out studies."""
    x, y, study = data_of(7)
    settings = {"keep_x": keep, "tune_grid": (1, 8, 40)}
    model = Mint(**settings, perf=True).fit(x, y, study=study)
    wrong = np.zeros(len(y), dtype=bool)
    for name in range(6):
        held = study == name
        own = Mint(**settings).fit(x[~held], y[~held], study=study[~held])
        wrong[held] = own.predict(x[held], study=study[held]) != y[held]
    row = next(row for row in model.perf_ if (row["component"], row["distance"]) == (2, "centroids"))
    assert row["overall"] == pytest.approx(wrong.mean())
    assert row["studies"] == pytest.approx({str(name): wrong[study == name].mean() for name in range(6)})
    assert "component_errors" in model.figures() and model.components_worth_having()["centroids"] in (1, 2)
    arrays, meta = model.state()
    back = Mint.from_state(Config(**settings, perf=True), arrays, json.loads(json.dumps(meta)))
    assert back.perf_ == model.perf_ and vars(back).keys() == vars(model).keys()
    assert Mint(**settings, perf=True).fit(x, y).perf_ is None  # one study: none can be left out


def test_a_class_in_one_study_only_is_never_told_when_that_is_left_out():
    x, y, study = data_of(8)
    y = np.where((study == 5) & (y == 1), 2, y)  # a third class, in the last study alone
    model = Mint(keep_x=8, perf=True).fit(x, y, study=study)
    for row in model.perf_:
        assert row["classes"][2] == 1.0
