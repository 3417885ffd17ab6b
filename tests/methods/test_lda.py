"""Discriminant analysis: scikit-learn's checks and its own implementation, two classes, more features than samples."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.estimator_checks import parametrize_with_checks

from chiasma.core.errors import UsageError
from chiasma.methods.omics.lda.config import Config, default, fisher
from chiasma.methods.omics.lda.examples import example
from chiasma.methods.omics.lda.model import Lda, build
from chiasma.workflow.fitting.cross_validate import cross_validate


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Lda()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def gaussian_posteriors(x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Bayes' rule with the whole inverse of the pooled covariance, divided by samples less classes."""
    groups = [x[codes == k] for k in np.unique(codes)]
    pooled = sum((group - group.mean(axis=0)).T @ (group - group.mean(axis=0)) for group in groups)
    inverse = np.linalg.inv(pooled / (len(x) - len(groups)))
    density = [
        len(group) * np.exp(-0.5 * np.einsum("ni,ij,nj->n", x - group.mean(axis=0), inverse, x - group.mean(axis=0)))
        for group in groups
    ]
    return (np.array(density) / np.sum(density, axis=0)).T


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_without_shrinkage_it_is_fishers(n_classes, scale):
    random = np.random.default_rng(n_classes)
    codes = np.concatenate([np.repeat(np.arange(n_classes), 12), np.zeros(9, dtype=int)])
    x = random.standard_normal((len(codes), 7)) @ random.standard_normal((7, 7)) + codes[:, None] * random.random(7)
    ours = Lda(shrinkage=0.0, scale=scale).fit(x, codes)
    theirs = LinearDiscriminantAnalysis().fit(x, codes)
    np.testing.assert_allclose(ours.predict_proba(x), gaussian_posteriors(x, codes), atol=1e-8)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, atol=1e-9)
    z, reference = ours.transform(x), theirs.transform(x)
    assert z.shape == (len(x), n_classes - 1)
    for own, other in zip(z.T, reference.T):
        assert abs(np.corrcoef(own, other)[0, 1]) == pytest.approx(1, abs=1e-9)
    means = np.stack([z[codes == k].mean(axis=0) for k in range(n_classes)])
    around = z - means[codes]
    np.testing.assert_allclose(around.T @ around / (len(x) - n_classes), np.eye(n_classes - 1), atol=1e-9)


def test_equal_priors():
    data = example(0)
    keep = np.flatnonzero((data.target.values != 0) | (np.arange(48) < 3))
    x, y = data.x.take(keep), data.target.values[keep]
    equal, shares = (build(Config(priors=priors)).fit(x, y) for priors in ("equal", "empirical"))
    np.testing.assert_allclose(equal.priors_, 0.25)
    assert shares.priors_[0] == pytest.approx(3 / 39)
    odds = np.log(equal.predict_proba(x)[:, 0] / shares.predict_proba(x)[:, 0])
    assert (odds >= -1e-9).all()


def test_more_features_than_samples_generalise():
    data = example(1)
    assert data.x.values.shape == (48, 60)
    found = cross_validate(lambda: build(default()), data, seed=0, folds=6, repeats=1)
    assert found.ber[0] < 0.25
    assert 0 < build(default()).fit(data.x, data.target.values).shrinkage_ < 1


def test_missing_values_and_state():
    data = example(2)
    values = data.x.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    values[:, 7] = 1.0
    for config in (default(), fisher()):
        model = build(config).fit(values, data.target.values)
        assert model.score(values, data.target.values) > 0.9
        assert (model.loadings()["x"].iloc[7] == 0).all()
        arrays, meta = model.state()
        back = Lda.from_state(config, arrays, json.loads(json.dumps(meta)))
        assert np.array_equal(back.predict_proba(values), model.predict_proba(values))
        assert vars(back).keys() == vars(model).keys()
        assert list(back.get_feature_names_out()) == ["lda0", "lda1", "lda2"]


def test_wrong_settings_are_refused():
    data = example(0)
    for settings in ({"shrinkage": 1.5}, {"priors": "flat"}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            Lda(**settings).fit(data.x, data.target.values)


@pytest.mark.realdata
def test_four_tumours_of_childhood(data_dir):
    folder = data_dir / "omics" / "small_mixomics"
    x = pd.read_csv(folder / "srbct__gene.csv.gz", index_col=0)
    y = pd.read_csv(folder / "srbct__class.csv.gz", index_col=0)["value"].to_numpy()
    fold = np.arange(len(y)) % 5
    right = [build(default()).fit(x[fold != k], y[fold != k]).score(x[fold == k], y[fold == k]) for k in range(5)]
    assert np.mean(right) > 0.95
    model = build(default()).fit(x, y)
    assert model.transform(x).shape == (63, 3)
