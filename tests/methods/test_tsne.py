"""t-SNE: scikit-learn's layout, the samples of the fit known again, strangers refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.manifold import TSNE, trustworthiness

from chiasma.core.errors import UsageError
from chiasma.core.rng import derive_seed
from chiasma.methods.omics.tsne.config import tiny
from chiasma.methods.omics.tsne.examples import example
from chiasma.methods.omics.tsne.model import Tsne, build


def test_the_layout_is_scikit_learns_on_leading_components():
    x = example(0).x.values
    model = Tsne(perplexity=10, max_iter=500, pca=8, random_state=4).fit(x)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    _, _, right = np.linalg.svd(scaled, full_matrices=False)
    right *= np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])[:, None]
    points = scaled @ right[:8].T
    seed = derive_seed(4, "t-sne")
    expected = TSNE(perplexity=10, max_iter=500, init="pca", random_state=seed, n_jobs=1).fit_transform(points)
    assert np.corrcoef(model.embedding_.ravel(), expected.ravel())[0, 1] > 0.99
    assert trustworthiness(x, model.embedding_, n_neighbors=8) > 0.85
    assert 0 < model.kl_divergence_ < 2


def test_only_samples_of_the_fit_have_a_place():
    data = example(1)
    model = build(tiny()).fit(data.x.values)
    order = np.random.default_rng(0).permutation(80)
    np.testing.assert_array_equal(model.transform(data.x.values[order]), model.embedding_[order])
    stranger = data.x.values.copy()
    stranger[5] += 0.1
    with pytest.raises(ValueError, match=r"1 samples were not in the fit \(first: row 5\).*transductive"):
        model.transform(stranger)


def test_same_seed_same_layout_and_state_goes_round():
    data = example(2)
    holed = data.x.values.copy()
    holed[3, 4] = np.nan
    model, again = (build(tiny()).fit(holed) for _ in range(2))
    np.testing.assert_array_equal(model.embedding_, again.embedding_)
    arrays, meta = model.state()
    back = Tsne.from_state(tiny(), arrays, json.loads(json.dumps(meta)))
    np.testing.assert_array_equal(back.transform(holed), model.embedding_)
    assert set(vars(back)) == set(vars(model))
    assert list(model.get_feature_names_out()) == ["tsne1", "tsne2"]
    figure, table = model.figures()["layout"]
    assert "transductive" not in figure.svg and isinstance(table, pd.DataFrame) and len(table) == 80


def test_few_samples_and_wrong_settings():
    values = example(0).x.values
    assert Tsne(max_iter=250).fit(values[:10]).perplexity_ == 3.0
    with pytest.raises(ValueError, match="too few"):
        Tsne().fit(values[:3])
    with pytest.raises(UsageError, match="max_iter"):
        Tsne(max_iter=10).fit(values)
