"""A small problem that sparse PLS-DA can solve: three classes, eight telling features of thirty."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("basal", "her2", "luminal")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; eight features follow two axes on which the classes differ."""
    random = generator(seed, "spls-da-example")
    codes = np.repeat(np.arange(3), 20)
    centres = np.array([[1.5, 0.0], [-0.75, 1.3], [-0.75, -1.3]])
    axes = centres[codes] + 0.5 * random.standard_normal((60, 2))  # (sample, axis)
    values = random.standard_normal((60, 30))
    values[:, :8] += axes @ random.standard_normal((2, 8))
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(30)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(60), "sample")
