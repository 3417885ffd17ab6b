"""Samples by features: one matrix, or several views of the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import list_some


@dataclass(frozen=True, eq=False)
class Matrix:
    """Measurements, NaN where missing.

    Attributes:
        values: float64 (sample, feature).
        samples: name of each row (sample,).
        features: name of each column (feature,).
    """

    values: np.ndarray
    samples: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, index: np.ndarray) -> Self:
        """Some samples."""
        return type(self)(self.values[index], self.samples[index], self.features)

    def take_features(self, index: np.ndarray) -> Self:
        """Some features."""
        return type(self)(self.values[:, index], self.samples, self.features[index])

    def problems(self) -> list[str]:
        """All that is wrong: shape, repeated names, infinities, features or samples without a value."""
        found = []
        if self.values.shape != (len(self.samples), len(self.features)):
            found.append(f"values have shape {self.values.shape}, expected {(len(self.samples), len(self.features))}")
            return found
        for what, names in (("sample", self.samples), ("feature", self.features)):
            if repeated := duplicates(names):
                found.append(f"{len(repeated)} repeated {what} names ({list_some(repeated, most=3)})")
        if np.isinf(self.values).any():
            found.append("infinite values")
        return found


@dataclass(frozen=True, eq=False)
class Views:
    """Several matrices over the same samples, in the same order; a sample without a view has a row of NaN there."""

    blocks: Mapping[str, Matrix]

    @property
    def samples(self) -> np.ndarray:
        """Name of each sample (sample,)."""
        return next(iter(self.blocks.values())).samples

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, index: np.ndarray) -> Self:
        """Some samples of every view."""
        return type(self)({name: block.take(index) for name, block in self.blocks.items()})

    def present(self) -> dict[str, np.ndarray]:
        """For each view, whether a sample has any value in it (sample,)."""
        return {name: ~np.isnan(block.values).all(axis=1) for name, block in self.blocks.items()}

    def problems(self) -> list[str]:
        """All that is wrong with any block, and samples that do not line up."""
        found = []
        for name, block in self.blocks.items():
            found += [f"view {name}: {problem}" for problem in block.problems()]
            if not np.array_equal(block.samples, self.samples):
                found.append(f"view {name}: samples are not those of the first view, in the same order")
        return found if self.blocks else ["no views"]


def side_by_side(views: Views) -> Matrix:
    """All features of several views as one matrix, called VIEW:FEATURE; a single view with its features as they are."""
    blocks = views.blocks
    if len(blocks) == 1:
        return next(iter(blocks.values()))
    names = [f"{view}:{feature}" for view, block in blocks.items() for feature in block.features]
    values = np.hstack([block.values for block in blocks.values()])
    return Matrix(values, views.samples, np.asarray(names, dtype=object))
