"""Rivals of methods without a target: principal components of all features side by side, and a random projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.matrix import Matrix, Views
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling

MATRIX = "x"
"""Name of the one matrix."""
_DENSE = 3000
"""Smaller side up to which all components are computed; beyond it only those wanted."""


@dataclass(frozen=True, eq=False)
class Standard:
    """Samples in numbers that features and views weigh alike in, learnt on the train part.

    Attributes:
        scaling: mean and spread of each view's features.
    """

    scaling: Mapping[str, Scaling]

    @classmethod
    def learn(cls, x: Matrix | Views) -> Self:
        """Mean and spread of the observed values of each feature."""
        return cls({name: learn_scaling(values) for name, values in blocks_of(x).items()})

    def blocks(self, x: Matrix | Views) -> dict[str, np.ndarray]:
        """Standardised values of each view (sample, feature), NaN kept; features without spread are 0."""
        found = {}
        blocks = blocks_of(x)
        for name, scaling in self.scaling.items():
            values = blocks.get(name)
            if values is None:
                found[name] = np.full((len(x), len(scaling.mean)), np.nan)
            else:
                found[name] = np.where(np.isnan(values), np.nan, scaling.apply(values)[0])
        return found

    def rebuilt(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Values in the units of the input on the standardised scale (sample, feature)."""
        return {name: self.scaling[name].apply(np.asarray(block, float))[0] for name, block in values.items()}

    def side_by_side(self, x: Matrix | Views) -> np.ndarray:
        """All features (sample, feature), 0 where missing, each view divided so that views weigh alike."""
        blocks = self.blocks(x)
        return np.hstack([np.nan_to_num(block) / np.sqrt(block.shape[1]) for block in blocks.values()])

    def apart(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """`side_by_side` undone: standardised values of each view (sample, feature)."""
        sizes = {name: len(scaling.mean) for name, scaling in self.scaling.items()}
        edges = np.cumsum(list(sizes.values()))[:-1]
        return {name: part * np.sqrt(sizes[name]) for name, part in zip(sizes, np.split(row, edges, axis=1))}


class Projection:
    """An orthogonal projection of all features side by side; `random` draws it, else it keeps most variance.

    Attributes:
        name: as in metrics.json.
        describes: what it is, in a clause.
        directions_: orthonormal (feature, factor).
    """

    def __init__(self, *, factors: int, random: bool = False) -> None:
        self.factors, self.random = factors, random
        self.name = "random-projection" if random else "concatenated-pca"
        what = "random directions" if random else "principal components"
        self.describes = f"as many {what} of all features side by side, each view with the same weight"

    def fit(self, x: Matrix | Views, *, seed: int) -> Self:
        """Learn scales and directions from the train part; fewer factors where its rank is less."""
        self.standard_ = Standard.learn(x)
        rows = self.standard_.side_by_side(x)
        count = max(1, min(self.factors, *rows.shape))
        if self.random:
            drawn = generator(seed, "random-projection").standard_normal((rows.shape[1], count))
            self.directions_ = np.linalg.qr(drawn)[0]
        else:
            self.directions_ = principal_directions(rows, count)
        return self

    def transform(self, x: Matrix | Views) -> np.ndarray:
        """Factors of samples (sample, factor); a missing value is the train mean."""
        return self.standard_.side_by_side(x) @ self.directions_

    def reconstruct(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """Standardised values of each view (sample, feature) as the factors have them."""
        return self.standard_.apart(factors @ self.directions_.T)


def projection_rivals(factors: int) -> list[Projection]:
    """What a representation of so many factors must face, the simplest first."""
    return [Projection(factors=factors, random=True), Projection(factors=factors)]


def principal_directions(rows: np.ndarray, count: int) -> np.ndarray:
    """The `count` directions of most sum of squares of centred rows (sample, feature) -> (feature, count)."""
    if min(rows.shape) > _DENSE:
        from scipy.sparse.linalg import svds

        _, size, right = svds(rows, k=count, v0=np.ones(min(rows.shape)), solver="arpack")
        return right[np.argsort(-size)].T
    if rows.shape[0] <= rows.shape[1]:
        values, left = np.linalg.eigh(rows @ rows.T)
        found = rows.T @ left[:, ::-1][:, :count]
        size = np.sqrt(np.maximum(values[::-1][:count], 0.0))
        kept = size > 1e-7 * max(size[0], 1e-300)  # the root of what rounding leaves of an eigenvalue
        return found[:, kept] / size[kept] if kept.any() else np.eye(rows.shape[1])[:, :1]
    return np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :count]


def blocks_of(x: Matrix | Views) -> dict[str, np.ndarray]:
    """Values of each view (sample, feature); the one matrix is called MATRIX."""
    blocks = {MATRIX: x} if isinstance(x, Matrix) else dict(x.blocks)
    return {name: np.asarray(block.values, float) for name, block in blocks.items()}
