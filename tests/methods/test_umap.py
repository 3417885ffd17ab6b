"""UMAP: scikit-learn's checks, umap-learn on the same data, new samples, the way to arrays and back."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from chiasma.core.errors import UsageError
from chiasma.methods.omics.umap.config import Config, tiny
from chiasma.methods.omics.umap.examples import example
from chiasma.methods.omics.umap.model import Umap, build


@pytest.fixture(autouse=True)
def umap_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("umap")


def test_classes_lie_apart_and_new_samples_join_them():
    data, new = example(0), example(0)
    truth = np.asarray(data.target.values)
    model = build(tiny()).fit(data.x.values)
    assert trustworthiness(model.points_, model.embedding_, n_neighbors=8) > 0.9
    near = KNeighborsClassifier(5).fit(model.embedding_, truth)
    assert near.score(model.embedding_, truth) > 0.9
    moved = new.x.values + 0.3 * np.random.default_rng(1).standard_normal(new.x.values.shape)
    placed = model.transform(moved)
    assert near.score(placed, truth) > 0.9
    for row in (0, 41):  # alike in any company
        np.testing.assert_allclose(model.transform(moved[row : row + 1])[0], placed[row], atol=1e-9)
    some = np.vstack([data.x.values[[7, 3]], moved[:1]])
    np.testing.assert_array_equal(model.transform(some)[:2], model.embedding_[[7, 3]])


def test_state_goes_round_and_seeds_count():
    data = example(1)
    holed = data.x.values.copy()
    holed[np.random.default_rng(0).random(holed.shape) < 0.05] = np.nan
    model = build(tiny()).fit(holed)
    arrays, meta = model.state()
    back = Umap.from_state(tiny(), arrays, json.loads(json.dumps(meta)))
    new = np.nan_to_num(holed) + 0.1
    np.testing.assert_array_equal(back.transform(new), model.transform(new))
    assert set(vars(back)) == set(vars(model)) and abs(back.graph_ - model.graph_).max() == 0
    again, other = build(tiny()).fit(holed), build(tiny().replace(random_state=1)).fit(holed)
    np.testing.assert_array_equal(again.embedding_, model.embedding_)
    assert not np.array_equal(other.embedding_, model.embedding_)
    assert list(model.get_feature_names_out()) == ["umap1", "umap2"]


def test_few_samples_and_wrong_settings():
    values = example(0).x.values[:6]
    model = Umap(n_neighbors=15, n_epochs=20).fit(values)
    assert model.n_neighbors_ == 6 and np.isfinite(model.embedding_).all()
    with pytest.raises(UsageError, match="min_dist"):
        Umap(min_dist=-1).fit(values)
    with pytest.raises(UsageError, match=r"min_dist .* spread"):
        Umap(min_dist=2.0, spread=1.0).fit(values)
    with pytest.raises(ValueError, match="negative"):
        Umap(normalise="counts").fit(values)


def test_figures_and_cosine():
    data = example(2)
    model = build(Config(metric="cosine", n_neighbors=10, n_epochs=20, n_components=3)).fit(data.x)
    np.testing.assert_allclose(np.linalg.norm(model.points_, axis=1), 1)
    figure, table = model.figures()["layout"]
    assert figure.svg.startswith("<svg") and isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["sample", "umap1", "umap2", "umap3"] and len(table) == 80


@pytest.mark.slow
def test_digits_as_well_as_umap_learn(umap_learn):
    x, y = load_digits(return_X_y=True)
    train, test = np.arange(1200), np.arange(1200, len(x))
    own = Umap(scale=False, pca=None, random_state=1).fit(x[train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = umap_learn.UMAP(random_state=1).fit(x[train])
        theirs = peer.transform(x[test])
    placed = own.transform(x[test])
    scores = {}
    for name, embedding, new in (("own", own.embedding_, placed), ("peer", peer.embedding_, theirs)):
        near = KNeighborsClassifier(5).fit(embedding, y[train])
        scores[name] = (trustworthiness(x[train], embedding), near.score(new, y[test]))
    assert scores["own"][0] > scores["peer"][0] - 0.005
    assert scores["own"][1] > scores["peer"][1] - 0.02
