"""A small problem for layouts: four classes on a ring, too many features to see it in any two of them."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("blood", "brain", "liver", "muscle")


def example(seed: int) -> Dataset:
    """Eighty samples, twenty a class; thirty features follow two axes on which the classes lie around a ring."""
    random = generator(seed, "umap-example")
    codes = np.repeat(np.arange(4), 20)
    angle = codes * np.pi / 2
    axes = 4 * np.column_stack([np.cos(angle), np.sin(angle)]) + random.standard_normal((80, 2))  # (sample, axis)
    values = axes @ random.standard_normal((2, 30)) + 2 * random.standard_normal((80, 30))
    samples = np.asarray([f"sample{index:02d}" for index in range(80)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(30)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(80), "sample")
