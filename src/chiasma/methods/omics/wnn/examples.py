"""A small problem for weighted nearest neighbours: transcripts tell two of three types apart, proteins another two."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("b", "cd4", "cd8")


def example(seed: int) -> Dataset:
    """Ninety cells: 40 transcripts in which cd4 and cd8 look alike, 8 proteins in which b and cd4 do."""
    random = generator(seed, "wnn-example")
    codes = np.arange(90) % 3
    random.shuffle(codes)
    rna = random.standard_normal((90, 40)) + 2.5 * (codes == 0)[:, None] * (np.arange(40) < 15)
    protein = random.standard_normal((90, 8)) + 3.0 * (codes == 2)[:, None] * (np.arange(8) < 3)
    cells = np.asarray([f"cell{index:03d}" for index in range(90)], dtype=object)
    blocks = {}
    for name, values in (("rna", rna), ("protein", protein)):
        features = np.asarray([f"{name}{index:02d}" for index in range(values.shape[1])], dtype=object)
        blocks[name] = Matrix(values, cells, features)
    return Dataset(cells, Views(blocks), Target("multiclass", codes, CLASSES), np.arange(90), "cell")
