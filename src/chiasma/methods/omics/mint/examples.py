"""A small problem for MINT: two classes in six studies, each with its own level and spread of every feature."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("fibroblast", "stem")
PER_STUDY = 12


def example(seed: int) -> Dataset:
    """Seventy-two samples, twelve a study, half of each class; ten of forty features differ between classes.

    The studies differ by far more than the classes, and more in some features than in others.
    """
    random = generator(seed, "mint-example")
    study = np.repeat(np.arange(6), PER_STUDY)
    codes = np.tile(np.repeat(np.arange(2), PER_STUDY // 2), 6)
    values = random.standard_normal((72, 40))
    values[:, :10] += 1.5 * codes[:, None] * np.where(np.arange(10) % 2, -1.0, 1.0)
    spread = np.exp(0.4 * random.standard_normal((6, 40)))
    level = 3 * random.standard_normal((6, 40))
    values = values * spread[study] + level[study]
    samples = np.asarray([f"sample{index:02d}" for index in range(72)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(40)], dtype=object)
    target = Target("binary", codes, CLASSES)
    return Dataset(samples, Matrix(values, samples, features), target, study, "study")
