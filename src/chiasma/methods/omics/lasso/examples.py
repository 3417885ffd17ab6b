"""A small problem that the LASSO can solve: three classes, six telling features of forty."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("basal", "her2", "luminal")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; two features a class are raised by two standard deviations in it."""
    random = generator(seed, "lasso-example")
    codes = np.repeat(np.arange(3), 20)
    values = random.standard_normal((60, 40))
    for code in range(3):
        values[codes == code, 2 * code : 2 * code + 2] += 2.0
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(40)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(60), "sample")
