"""A small problem that discriminant analysis can solve: four classes, a signal spread over thirty of sixty features."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("blood", "brain", "liver", "muscle")


def example(seed: int) -> Dataset:
    """Forty-eight samples, twelve a class; each class has its own mean in thirty features, none telling alone."""
    random = generator(seed, "lda-example")
    codes = np.repeat(np.arange(4), 12)
    centres = np.zeros((4, 60))
    centres[:, :30] = random.standard_normal((4, 30))
    values = centres[codes] + random.standard_normal((48, 60))
    samples = np.asarray([f"sample{index:02d}" for index in range(48)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(60)], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(48), "sample")
