"""A small problem that univariate selection can solve: two classes, six telling features of forty."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("control", "treated")


def example(seed: int) -> Dataset:
    """Fifty samples, 25 a class; the first six features are shifted by 1.5 standard deviations in the treated."""
    random = generator(seed, "univariate-example")
    codes = np.repeat(np.arange(2), 25)
    values = random.standard_normal((50, 40))
    values[:, :6] += 1.5 * codes[:, None]
    values *= np.exp(random.standard_normal(40) / 2)
    samples = np.asarray([f"sample{index:02d}" for index in range(50)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(40)], dtype=object)
    target = Target("binary", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(50), "sample")
