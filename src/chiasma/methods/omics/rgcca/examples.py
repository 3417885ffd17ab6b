"""A small problem for canonical correlation of several views: three that follow two axes, along which classes part."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("lean", "rich", "mixed")


def example(seed: int) -> Dataset:
    """Sixty samples, twenty a class; eight genes, six fatty acids and five proteins follow two shared axes."""
    random = generator(seed, "rgcca-example")
    codes = np.repeat(np.arange(3), 20)
    centres = 1.5 * np.array([[1.5, 0.0], [-0.75, 1.3], [-0.75, -1.3]])
    axes = centres[codes] + 0.6 * random.standard_normal((60, 2))  # (sample, axis)
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    blocks = {}
    for name, width, telling in (("gene", 30, 8), ("lipid", 12, 6), ("protein", 10, 5)):
        values = random.standard_normal((60, width))
        values[:, :telling] += axes @ random.standard_normal((2, telling))
        features = np.asarray([f"{name}_{index}" for index in range(width)], dtype=object)
        blocks[name] = Matrix(values, samples, features)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(samples, Views(blocks), target, np.arange(60), "sample")
