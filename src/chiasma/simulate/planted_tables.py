"""Tables with structure planted in them: small data on which methods of the omics wing can be seen to learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views

CELL_TYPES = ("b", "monocyte", "t")
DIETS = ("lean", "rich", "mixed")
TISSUES = ("blood", "brain", "liver", "muscle")


def two_sets_of_cells(seed: int, *, name: str) -> Dataset:
    """Counts of a hundred and fifty cells and 120 genes in two sets; every gene drifts between the sets.

    Args:
        seed: of everything.
        name: whose example it is; each has draws of its own.

    Returns:
        Three cell types as the target; the set of each cell in column `set`.
    """
    random = generator(seed, name)
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
    sets = np.asarray(["first", "second"], dtype=object)
    target = Target("multiclass", codes, CELL_TYPES)
    return Dataset(cells, Matrix(counts, cells, genes), target, np.arange(150), "cell", {"set": sets[batch]})


def views_on_two_axes(seed: int, *, name: str, views: Mapping[str, tuple[int, int]]) -> Dataset:
    """Sixty samples, twenty a class, whose views follow two shared axes along which three classes part.

    Args:
        seed: of everything.
        name: whose example it is.
        views: of each view its features, and how many of them follow the axes; the rest is noise.
    """
    random = generator(seed, name)
    codes = np.repeat(np.arange(3), 20)
    centres = 1.5 * np.array([[1.5, 0.0], [-0.75, 1.3], [-0.75, -1.3]])
    axes = centres[codes] + 0.6 * random.standard_normal((60, 2))  # (sample, axis)
    samples = np.asarray([f"sample{index:02d}" for index in range(60)], dtype=object)
    blocks = {}
    for view, (width, telling) in views.items():
        values = random.standard_normal((60, width))
        values[:, :telling] += axes @ random.standard_normal((2, telling))
        features = np.asarray([f"{view}_{index}" for index in range(width)], dtype=object)
        blocks[view] = Matrix(values, samples, features)
    return Dataset(samples, Views(blocks), Target("multiclass", codes, DIETS), np.arange(60), "sample")


def classes_on_a_ring(seed: int, *, name: str) -> Dataset:
    """Eighty samples, twenty a class; thirty features follow two axes on which four classes lie around a ring.

    Args:
        seed: of everything.
        name: whose example it is.
    """
    random = generator(seed, name)
    codes = np.repeat(np.arange(4), 20)
    angle = codes * np.pi / 2
    axes = 4 * np.column_stack([np.cos(angle), np.sin(angle)]) + random.standard_normal((80, 2))  # (sample, axis)
    values = axes @ random.standard_normal((2, 30)) + 2 * random.standard_normal((80, 30))
    samples = np.asarray([f"sample{index:02d}" for index in range(80)], dtype=object)
    features = np.asarray([f"gene{index:02d}" for index in range(30)], dtype=object)
    target = Target("multiclass", codes, TISSUES)
    return Dataset(samples, Matrix(values, samples, features), target, np.arange(80), "sample")
