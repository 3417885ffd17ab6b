"""A small problem that DIABLO can solve: three classes, signal shared by three views."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("basal", "her2", "luminal")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; eight features of each view follow two shared axes, the rest is noise."""
    random = generator(seed, "diablo-example")
    codes = np.repeat(np.arange(3), 20)
    centres = np.array([[1.5, 0.0], [-0.75, 1.3], [-0.75, -1.3]])
    axes = centres[codes] + 0.5 * random.standard_normal((60, 2))  # (sample, axis)
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    blocks = {}
    for name, width in (("mrna", 30), ("mirna", 20), ("protein", 12)):
        values = random.standard_normal((60, width))
        values[:, :8] += axes @ random.standard_normal((2, 8))
        features = np.asarray([f"{name}_{index}" for index in range(width)], dtype=object)
        blocks[name] = Matrix(values, samples, features)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Views(blocks), target, np.arange(60), "sample")
