"""Counts of two sets of cells of the same three types, with a drift of every gene between the sets."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix

CLASSES = ("b", "monocyte", "t")


def example(seed: int) -> Dataset:
    """A hundred and fifty cells and 120 genes; the set of each cell is in column `set`."""
    random = generator(seed, "cca-anchors-example")
    codes = random.integers(0, 3, 150)
    codes[:6] = np.arange(6) % 3
    batch = np.repeat([0, 1], [80, 70])
    level = np.exp(random.normal(0.5, 0.6, 120))
    profile = level * np.exp(1.2 * random.standard_normal((3, 120)) * (random.random((3, 120)) < 0.3))
    drift = np.exp(0.6 * random.standard_normal((2, 120)))
    depth = np.exp(0.2 * random.standard_normal(150))
    counts = random.poisson(profile[codes] * drift[batch] * depth[:, None]).astype(np.float64)
    cells = np.asarray([f"cell{index:03d}" for index in range(150)], dtype=object)
    genes = np.asarray([f"gene{index:03d}" for index in range(120)], dtype=object)
    names = np.asarray(["first", "second"], dtype=object)
    target = Target("multiclass", codes, CLASSES)
    return Dataset(cells, Matrix(counts, cells, genes), target, np.arange(150), "cell", {"set": names[batch]})
