"""Projections that methods without a target must face."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.rivals.choose import rivals_for
from chiasma.rivals.projection import Projection, Standard, principal_directions, projection_rivals


def names(stem: str, n: int) -> np.ndarray:
    return np.asarray([f"{stem}{i}" for i in range(n)], dtype=object)


def views(n: int = 30) -> Views:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(n, 2))
    blocks = {"a": hidden @ draw.normal(size=(2, 8)), "b": 50 * hidden @ draw.normal(size=(2, 90))}
    return Views(
        {name: Matrix(x + 0.1 * x.std() * draw.normal(size=x.shape), names("s", n), names(name, x.shape[1]))
         for name, x in blocks.items()}
    )  # fmt: skip


def test_components_are_those_of_the_standardised_features_side_by_side() -> None:
    x = views()
    rows = np.hstack([(b.values - b.values.mean(0)) / b.values.std(0, ddof=1) / np.sqrt(b.values.shape[1])
                      for b in x.blocks.values()])  # fmt: skip
    expected = np.linalg.svd(rows, full_matrices=False)
    model = Projection(factors=2).fit(x, seed=1)
    found = model.transform(x)
    np.testing.assert_allclose(np.abs(found), np.abs(expected[0][:, :2] * expected[1][:2]), atol=1e-8)
    rebuilt = model.reconstruct(found)
    standard = Standard.learn(x).blocks(x)
    assert all(np.mean((rebuilt[name] - standard[name]) ** 2) < 0.05 for name in standard)
    assert all(block.shape == x.blocks[name].values.shape for name, block in rebuilt.items())


def test_tall_and_wide_matrices_have_the_same_components() -> None:
    draw = np.random.default_rng(1)
    for shape in ((50, 9), (9, 50)):
        rows = draw.normal(size=shape)
        right = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2]
        found = principal_directions(rows - rows.mean(0), 3)
        np.testing.assert_allclose(np.abs(found.T), np.abs(right[:3]), atol=1e-8)


def test_factors_are_no_more_than_the_rank_and_holes_are_the_mean() -> None:
    x = views(6)
    assert Projection(factors=50).fit(x, seed=1).transform(x).shape == (6, 5)
    x.blocks["a"].values[2] = np.nan
    model = Projection(factors=2, random=True).fit(x, seed=3)
    assert np.isfinite(model.transform(x)).all()
    only = Views({"b": x.blocks["b"]})
    assert np.isfinite(model.transform(only)).all()
    again = Projection(factors=2, random=True).fit(x, seed=3)
    np.testing.assert_array_equal(model.directions_, again.directions_)
    np.testing.assert_allclose(model.directions_.T @ model.directions_, np.eye(2), atol=1e-12)
    assert [rival.name for rival in projection_rivals(3)] == ["random-projection", "concatenated-pca"]


def test_logistic_regression_on_components_joins_where_a_card_names_it() -> None:
    x, codes = views(40), np.arange(40) % 2
    for block in x.blocks.values():
        block.values[:, :3] += 3 * block.values.std() * codes[:, None]
    data = Dataset(x.samples, x, Target("binary", codes, ("no", "yes")), np.arange(40))
    assert "pca-logistic" not in [rival.name for rival in rivals_for(data, card_rival="concatenated-logistic")]
    assert rivals_for(data, named=("pca-logistic", "kmer-logistic"))[-1].name == "pca-logistic"
    rival = rivals_for(data, card_rival="pca-logistic")[-1]
    scores = rival.fit(data.take(np.arange(30)), seed=1).predict(data.take(np.arange(30, 40)))
    assert scores.shape == (10, 2) and (scores.argmax(1) == codes[30:]).mean() > 0.8
    with pytest.raises(Exception, match="features differ"):
        rival.predict(Dataset(x.samples, x.blocks["a"], data.target, data.unit))
