"""Learning curves with a cheap model."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.stats.learning_curve import default_sizes, learning_curve


def example(n, seed):
    rng = np.random.default_rng(seed)
    ids = np.array([f"{seed}-{i}" for i in range(n)], dtype=object)
    y = rng.integers(0, 2, n)
    values = rng.normal(size=(n, 20))
    values[:, :5] += 0.5 * y[:, None]
    x = Matrix(values, ids, np.array([f"f{i}" for i in range(20)], dtype=object))
    return Dataset(ids, x, Target("binary", y, ("no", "yes")), np.arange(n))


def centroids(train, test, seed):
    x, y = train.x.values, train.target.values
    axis = x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0)
    p = 1 / (1 + np.exp(-(test.x.values @ axis)))
    return np.column_stack([1 - p, p])


def test_more_examples_help_and_the_same_seed_gives_the_same_curve():
    train, test = example(600, 1), example(400, 2)
    curve = learning_curve(centroids, train, test, seed=3, draws=50)
    assert [point.units for point in curve] == list(default_sizes(600))
    assert curve[-1].estimate.value > curve[0].estimate.value
    assert all(point.estimate.low < point.estimate.value < point.estimate.high for point in curve)
    assert len(curve[0].repeats) == 3 and len(curve[-1].repeats) == 1
    assert curve == learning_curve(centroids, train, test, seed=3, draws=50)


def test_too_little_is_told():
    data = example(10, 1)
    one = Dataset(data.ids, data.x, data.target, np.zeros(10, int))
    with pytest.raises(InsufficientDataError):
        learning_curve(centroids, one, data, seed=0)
