"""PLS-DA: scikit-learn's checks, the importance of features, and what goes round."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.methods.omics.pls_da.config import Config, default
from chiasma.methods.omics.pls_da.examples import example
from chiasma.methods.omics.pls_da.model import PlsDa, build
from chiasma.stats.pls.block_perf import perf_folds
from chiasma.workflow.fitting.cross_validate import cross_validate


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([PlsDa()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_importance_by_its_definition():
    data = example(0)
    model = build(default()).fit(data.x, data.target.values)
    np.testing.assert_allclose((model.vip_**2).mean(axis=0), 1)
    weights, scores = model.model_.blocks["x"].loadings, model.model_.blocks["x"].variates
    for h in (1, 2):
        redundancy = [
            sum(np.corrcoef(data.target.values == k, scores[:, component])[0, 1] ** 2 for k in range(3))
            for component in range(h)
        ]
        expected = [
            np.sqrt(50 * sum(r * row[c] ** 2 for c, r in enumerate(redundancy)) / sum(redundancy)) for row in weights
        ]
        np.testing.assert_allclose(model.vip_[:, h - 1], expected)
    table = model.loadings()["x"]
    assert list(table.columns) == ["comp1", "comp2", "VIP"]
    telling = {f"gene{index:02d}" for index in range(20)}
    assert set(table["VIP"].nlargest(10).index) <= telling


@pytest.mark.parametrize("distance", ["max", "centroids", "mahalanobis", "mahalanobis-mixomics"])
def test_missing_values_distances_and_state(distance):
    data = example(1)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    config = Config(distance=distance)
    model = build(config).fit(values, data.target.values)
    assert model.score(values, data.target.values) > 0.75
    arrays, meta = model.state()
    back = PlsDa.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.predict_proba(values), model.predict_proba(values))
    assert vars(back).keys() == vars(model).keys()
    assert list(back.get_feature_names_out()) == ["plsda0", "plsda1"]


def test_more_components_than_rank_add_nothing():
    data = example(2)
    few = data.x.take_features(np.arange(3))
    model = PlsDa(ncomp=6).fit(few, data.target.values)
    assert np.isfinite(model.predict_proba(few)).all()
    assert (model.model_.blocks["x"].variates[:, 3:] == 0).all()


def test_cross_validated_from_outside():
    assert cross_validate(lambda: build(default()), example(3), seed=0, folds=4, repeats=1).ber[0] < 0.2


def test_wrong_settings_are_refused_and_early_stops_are_said():
    data = example(0)
    for settings in ({"ncomp": 0}, {"distance": "near"}, {"tol": 0}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            PlsDa(**settings).fit(data.x, data.target.values)
    assert build(default()).fit(data.x, data.target.values).n_iter_ == 1  # the start is the solution, but for holes
    holed = np.where(np.random.default_rng(0).random(data.x.values.shape) < 0.3, np.nan, data.x.values)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        PlsDa(max_iter=2, tol=1e-30).fit(holed, data.target.values)


def test_errors_by_component_are_those_of_plain_refits():
    data = example(4)
    x, y, groups = data.x.values, data.target.values, np.arange(60) // 2 * 2
    model = PlsDa(perf_repeats=2, perf_folds=5).fit(x, y, groups=groups)
    rows = pd.DataFrame(model.perf_)
    assert len(rows) == 2 * 2 * 3  # repeat, component, distance
    for repeat, fold in enumerate(perf_folds(y, model._config(), groups)):
        for row in rows[rows["repeat"] == repeat + 1].to_dict(orient="records"):
            wrong = np.zeros(60, dtype=bool)
            for number in range(5):
                held = fold == number
                own = PlsDa(ncomp=row["component"], distance=row["distance"]).fit(x[~held], y[~held])
                wrong[held] = own.predict(x[held]) != y[held]
            assert row["overall"] == pytest.approx(wrong.mean())
            assert row["ber"] == pytest.approx(np.mean([wrong[y == code].mean() for code in range(3)]))
    assert set(model.components_worth_having().index) == {"max", "centroids", "mahalanobis"}
    figure, table = model.figures()["component_errors"]
    assert len(table) == 6 and "vote" not in figure.caption
    with pytest.raises(UsageError, match="cross-validated"):
        PlsDa().fit(x, y).components_worth_having()


@pytest.mark.realdata
def test_sex_of_muscles_by_component_is_told_as_by_mixomics(data_dir):
    """perf of mixOmics, 5 folds 10 times: balanced error .414 with one component, .338 with two, by centroids."""
    folder = data_dir / "omics" / "gtex_muscle"
    x = pd.read_csv(folder / "GTEX_SkeletalMuscles_157Samples_1000Genes.txt", sep="\t")
    sex = pd.read_csv(folder / "GTEX_SkeletalMuscles_157Samples_Gender.txt", sep="\t", index_col=0)
    y = sex.loc[x.index, "GENDER"].to_numpy(dtype=object)
    model = PlsDa(perf_repeats=10, perf_folds=5).fit(x.loc[:, x.mean() >= 1], y)
    rows = pd.DataFrame(model.perf_).query("distance == 'centroids'")
    mean = rows.groupby("component")["ber"].mean()
    np.testing.assert_allclose(mean, [0.414, 0.338], atol=0.02)
