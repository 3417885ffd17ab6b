"""A small problem for graph intersection: four types of cells, of which each view parts only half."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("cd4 memory", "cd4 naive", "cd8 memory", "cd8 naive")


def example(seed: int) -> Dataset:
    """Eighty cells, twenty a type; rna tells naive from memory, adt cd4 from cd8."""
    random = generator(seed, "graph-umap-example")
    codes = np.repeat(np.arange(4), 20)
    samples = np.asarray([f"cell{index:02d}" for index in range(80)], dtype=object)
    blocks = {}
    for name, width, side in (("rna", 40, codes % 2), ("adt", 12, codes // 2)):
        values = random.standard_normal((80, width))
        values += np.outer(2 * side - 1, np.abs(random.standard_normal(width)))
        features = np.asarray([f"{name}_{index}" for index in range(width)], dtype=object)
        blocks[name] = Matrix(values, samples, features)
    return Dataset(samples, Views(blocks), Target("multiclass", codes, CLASSES), np.arange(80), "cell")
