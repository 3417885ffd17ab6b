"""Principal components: the course's published shares, scikit-learn's checks and its own PCA, holes, few features."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.methods.omics.pca.config import PRESETS, tiny
from chiasma.methods.omics.pca.examples import example
from chiasma.methods.omics.pca.model import Pca, build

PUBLISHED = [
    0.804731856,
    0.129164496,
    0.031633439,
    0.011623761,
    0.005640098,
    0.002615646,
    0.001986280,
    0.001676156,
    0.001301640,
    0.001173375,
]
"""Shares of variance printed by the course's lab (mixOmics 6.10.1)."""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Pca(), Pca(ncomp=2, keep_x=2)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.realdata
def test_shares_of_the_muscles_as_published(data_dir):
    file = data_dir / "omics" / "gtex_muscle" / "GTEX_SkeletalMuscles_157Samples_1000Genes.txt"
    x = pd.read_csv(file, sep="\t")
    x = x.loc[:, x.mean() >= 1]
    model = Pca(ncomp=10).fit(x)
    np.testing.assert_allclose(model.explained_variance_ratio_, PUBLISHED, atol=1e-8)
    variance = model.scores_.var(axis=0, ddof=1)
    np.testing.assert_allclose(variance[:2], [1.1979554198e10, 1.922793376e9], rtol=1e-9)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (620, 640)])
@pytest.mark.parametrize("scale", [False, True])
def test_dense_is_scikit_learns(shape, scale):
    random = np.random.default_rng(0)
    x = random.standard_normal((shape[0], 6)) @ random.standard_normal((6, shape[1])) * 3
    x += random.standard_normal(shape) + 5
    ours = Pca(ncomp=4, scale=scale).fit(x)
    standard = (x - x.mean(axis=0)) / (x.std(axis=0, ddof=1) if scale else 1)
    theirs = PCA(4, svd_solver="full").fit(standard)
    signs = np.sign((ours.components_ * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components_ * signs[:, None], theirs.components_, atol=1e-9)
    np.testing.assert_allclose(ours.transform(x), theirs.transform(standard) * signs, atol=1e-8)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, atol=1e-9)
    told = theirs.inverse_transform(theirs.transform(standard))
    told = told * (x.std(axis=0, ddof=1) if scale else 1) + x.mean(axis=0)
    np.testing.assert_allclose(ours.reconstruct(ours.transform(x))["x"], told, atol=1e-8)


def test_holes_are_filled_with_what_the_components_say():
    """A matrix of rank 3 with 15 % missing: its components and the missing values come back."""
    random = np.random.default_rng(1)
    whole = random.standard_normal((40, 3)) @ random.standard_normal((3, 25))
    holed = np.where(random.random(whole.shape) < 0.15, np.nan, whole)
    centre = np.nanmean(holed, axis=0)
    model = Pca(ncomp=4, tol=1e-10, max_iter=5000).fit(holed)  # one more: the mean of what is seen is not the mean
    told = model.reconstruct(model.transform(holed))["x"]
    missing = np.isnan(holed)
    assert np.abs(told - whole)[missing].max() < 0.05 * np.abs(whole - centre)[missing].max()
    filled = (np.where(missing, told, holed) - centre) @ model.components_.T
    np.testing.assert_allclose(filled, model.transform(holed), atol=1e-6)


def test_filling_in_does_not_overfit():
    """Eight components of noise with a fifth missing: what is filled in stays smaller than what is seen."""
    random = np.random.default_rng(2)
    x = random.standard_normal((40, 20))
    holed = np.where(random.random(x.shape) < 0.2, np.nan, x)
    model = Pca(ncomp=8).fit(holed)
    told = model.reconstruct(model.transform(holed))["x"][np.isnan(holed)]
    assert np.abs(told).std() < x.std()


def test_a_new_sample_is_placed_by_what_is_seen_of_it():
    """Filling in and placing in turn ends where `transform` says at once."""
    data = example(0)
    model = build(tiny()).fit(data.x.values)
    row = data.x.values[0].copy()
    row[5:15] = np.nan
    centred, scores = row - model.scaling_.mean, np.zeros(3)
    for _ in range(500):
        told = (scores * model.reliability_) @ model.components_
        scores = model.components_ @ np.where(np.isnan(centred), told, centred)
    np.testing.assert_allclose(model.transform(row[None])[0], scores, atol=1e-9)
    assert (model.reliability_ > 0.5).all() and (model.reliability_ < 1).all()


def slow_sparse(x: np.ndarray, keep: int, sweeps: int) -> np.ndarray:
    """Shen and Huang's algorithm 1 for one component, in their own symbols."""
    u, d, vt = np.linalg.svd(x, full_matrices=False)
    u, v = u[:, 0], d[0] * vt[0]
    for _ in range(sweeps):
        pulled = x.T @ u
        border = np.sort(np.abs(pulled))[len(pulled) - keep - 1]
        v = np.sign(pulled) * np.maximum(np.abs(pulled) - border, 0)
        u = x @ v / np.linalg.norm(x @ v)
    return v / np.linalg.norm(v)


def test_sparse_component_equals_its_slow_twin():
    data = example(1)
    model = Pca(ncomp=1, keep_x=6, tol=1e-24, max_iter=1000).fit(data.x)
    centred = data.x.values - data.x.values.mean(axis=0)
    expected = slow_sparse(centred, 6, 400)
    ours = model.components_[0]
    np.testing.assert_allclose(ours * np.sign(ours @ expected), expected, atol=1e-9)


def test_sparse_loadings_are_few_and_named():
    data = example(2)
    model = Pca(ncomp=2, keep_x=(5, 8)).fit(data.x)
    assert (model.loadings()["x"] != 0).sum().tolist() == [5, 8]
    rows = model.selected()
    assert [row["rank"] for row in rows] == [*range(1, 6), *range(1, 9)]
    assert {row["feature"] for row in rows} <= {f"gene{index:02d}" for index in range(20)}
    dense = Pca(ncomp=2).fit(data.x)
    assert not hasattr(dense, "selected")
    assert 0 < model.explained().loc["x"].sum() < dense.explained().loc["x"].sum()
    everything = Pca(ncomp=2, keep_x=100, tol=1e-20).fit(data.x)
    np.testing.assert_allclose(np.abs(everything.components_), np.abs(dense.components_), atol=1e-6)


@pytest.mark.parametrize("preset", PRESETS)
def test_state_names_and_shares(preset):
    data = example(3)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.05] = np.nan
    values[:, 7] = 1.0
    config = PRESETS[preset]()
    model = build(config).fit(values)
    arrays, meta = model.state()
    back = Pca.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(values), model.transform(values))
    assert np.array_equal(model.fit_transform(values), model.transform(values))
    assert vars(back).keys() == vars(model).keys()
    assert list(back.get_feature_names_out())[:2] == ["pc1", "pc2"]
    np.testing.assert_allclose(model.transform(values), model.scores_, atol=1e-10)
    assert (model.explained_variance_ratio_ > 0).all() and model.explained_variance_ratio_.sum() < 1
    assert model.constant_features_.tolist() == [7] and not model.components_[:, 7].any()
    expected = np.corrcoef(values[~np.isnan(values[:, 3]), 3], model.scores_[~np.isnan(values[:, 3]), 0])[0, 1]
    assert model.correlations_[3, 0] == pytest.approx(expected, abs=1e-9)


def test_no_more_components_than_rank():
    x = np.random.default_rng(0).standard_normal((30, 3))
    model = Pca(ncomp=8).fit(x)
    assert model.n_components_ == 3 and model.transform(x).shape == (30, 3)
    assert model.explained_variance_ratio_.sum() == pytest.approx(1)
    assert Pca(ncomp=8).fit(x[:3]).n_components_ == 2


def test_what_cannot_be_used_is_refused():
    data = example(0)
    for settings in ({"ncomp": 0}, {"keep_x": (3, 4)}, {"tol": 0}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            Pca(**settings).fit(data.x)
    empty = data.x.values.copy()
    empty[4] = np.nan
    with pytest.raises(ValueError, match="1 samples have no value at all"):
        build(tiny()).fit(empty)
    with pytest.raises(ValueError, match="no feature varies"):
        build(tiny()).fit(np.ones((5, 3)))
    holed = np.where(np.random.default_rng(0).random(data.x.values.shape) < 0.2, np.nan, data.x.values)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        Pca(max_iter=1).fit(holed)
