"""A small problem that PLS-DA can solve: three classes on two axes that twenty of fifty features follow."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("leaf", "root", "seed")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class, at the corners of a triangle; the axes are seen through twenty features."""
    random = generator(seed, "pls-da-example")
    codes = np.repeat(np.arange(3), 20)
    corners = 1.5 * np.array([[1.0, 0.0], [-0.5, 0.87], [-0.5, -0.87]])
    axes = corners[codes] + 0.5 * random.standard_normal((60, 2))  # (sample, axis)
    values = random.standard_normal((60, 50))
    values[:, :20] += axes @ random.standard_normal((2, 20))
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(50)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(60), "sample")
