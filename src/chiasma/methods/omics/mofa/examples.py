"""A small problem that factor analysis can solve: axes shared by three views, by two, and one of a view alone.

One view holds 0 and 1; some samples lack a view, some values are missing.
"""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CLASSES = ("control", "treated")
_SHARED = {"rna": (1.0, 1.0, 0.0), "protein": (1.0, 1.0, 1.0), "mutation": (1.6, 0.0, 0.0)}
"""Strength of the three axes in each view."""


def example(seed: int) -> Dataset:
    """Eighty samples of two classes that lie apart on the shared axis."""
    random = generator(seed, "mofa-example")
    codes = np.arange(80) % 2
    axes = random.standard_normal((80, 3))
    axes[:, 0] += 1.5 * (2 * codes - 1)
    samples = np.asarray([f"sample{index:02d}" for index in range(80)], dtype=object)
    blocks = {}
    for name, width in (("rna", 40), ("protein", 24), ("mutation", 30)):
        weights = random.standard_normal((3, width)) * np.array(_SHARED[name])[:, None]
        weights *= random.random((3, width)) < 0.6
        values = axes @ weights
        if name == "mutation":
            values = (random.random((80, width)) < 1 / (1 + np.exp(-values))).astype(np.float64)
        else:
            values += random.standard_normal((80, width))
        features = np.asarray([f"{name}_{index}" for index in range(width)], dtype=object)
        blocks[name] = Matrix(values, samples, features)
    blocks["protein"].values[::9] = np.nan
    blocks["rna"].values[random.random((80, 40)) < 0.05] = np.nan
    target = Target("binary", codes, CLASSES)
    return Dataset(samples, Views(blocks), target, np.arange(80), "sample")
