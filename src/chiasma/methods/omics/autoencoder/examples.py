"""A small problem for autoencoders: the course's CITE-seq in the small, counts of 976 genes and 10 surface proteins."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("B", "NK", "T")
GENES, PROTEINS = 976, 10


def example(seed: int, *, cells: int = 90) -> Dataset:
    """Cells of three types, each with its genes and its proteins; cells differ in depth, counts are overdispersed."""
    random = generator(seed, "autoencoder-example")
    codes = np.arange(cells) % 3
    blocks = {}
    samples = np.asarray([f"cell{index:03d}" for index in range(cells)], dtype=object)
    for name, width, depth in (("rna", GENES, 800.0), ("adt", PROTEINS, 300.0)):
        marker = np.arange(width) % 6  # features of a type are each six times as frequent in it; half tell nothing
        profile = random.gamma(1.0, 1.0, width) + 0.05
        rate = profile * np.where(marker == codes[:, None], 6.0, 1.0)
        rate *= (depth * random.gamma(10, 0.1, cells) / rate.sum(axis=1))[:, None]
        counts = random.poisson(rate * random.gamma(5, 0.2, (cells, width))).astype(np.float64)
        features = np.asarray([f"{name}_{index}" for index in range(width)], dtype=object)
        blocks[name] = Matrix(counts, samples, features)
    return Dataset(samples, Views(blocks), Target("multiclass", codes, CLASSES), np.arange(cells), "cell")
