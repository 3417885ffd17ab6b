"""A small problem for principal components: three classes that lie apart along the two widest axes."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("blood", "brain", "liver")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; twenty of forty features follow two axes that tell the classes apart."""
    random = generator(seed, "pca-example")
    codes = np.repeat(np.arange(3), 20)
    centres = 2 * np.array([[1.5, 0.0], [-0.75, 1.3], [-0.75, -1.3]])
    axes = centres[codes] + random.standard_normal((60, 2))  # (sample, axis)
    values = random.standard_normal((60, 40))
    values[:, :20] += axes @ random.standard_normal((2, 20))
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(40)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(60), "sample")
