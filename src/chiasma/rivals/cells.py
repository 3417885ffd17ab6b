"""Rivals of methods that align two sets of cells: the same genes, no alignment."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix
from chiasma.rivals.base import Rival
from chiasma.rivals.linear import Held, fit_linear
from chiasma.stats.cells.view_space import learn_view_space
from chiasma.stats.graphs.knn import nearest

COMPONENTS = 30
GENES = 2000
NEIGHBOURS = 20
STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01)
"""Penalties of the logistic regression tried, strongest first."""


class _InReferenceSpace(Rival):
    """Base: principal components learnt from the train cells, in which other cells are placed as they are."""

    what: str

    def __init__(self) -> None:
        self.describes = f"{self.what} in {COMPONENTS} components of {GENES:,} variable genes, without alignment"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Learn the space from the train cells; what is learnt in it, see the subclass."""
        values = _values(data, self.name)
        self.space_ = learn_view_space(values, kind="auto", dims=COMPONENTS, n_features=GENES)
        self.points_, self.codes_ = self.space_.apply(values), data.target.values
        self.n_classes_ = data.target.n_outputs
        self._learn(data, seed)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Class probabilities (cell, class)."""
        if not hasattr(self, "space_"):
            raise self._not_fitted()
        return self._answer(self.space_.apply(_values(data, self.name)))

    def _learn(self, data: Dataset, seed: int) -> None:
        """Nothing, unless a subclass does."""

    @abstractmethod
    def _answer(self, points: np.ndarray) -> np.ndarray:
        """Class probabilities of cells in the space (cell, class)."""


class PcaNeighbours(_InReferenceSpace):
    """Votes of the nearest train cells."""

    name = "pca-neighbours"
    what = f"votes of the {NEIGHBOURS} nearest cells"

    def _answer(self, points: np.ndarray) -> np.ndarray:
        index = nearest(points, self.points_, NEIGHBOURS).index
        return np.stack([(self.codes_[index] == code).mean(axis=1) for code in range(self.n_classes_)], axis=1)


class NearestCentroid(_InReferenceSpace):
    """A softmax over minus half the squared distances to the types' means, in units of the spread within types."""

    name = "nearest-centroid"
    what = "distance to the mean of each type"

    def _learn(self, data: Dataset, seed: int) -> None:
        del seed
        present = [code for code in range(self.n_classes_) if (self.codes_ == code).any()]
        means = {code: self.points_[self.codes_ == code].mean(axis=0) for code in present}
        self.centres_ = np.stack([means.get(c, np.full(self.points_.shape[1], np.inf)) for c in range(self.n_classes_)])
        within = self.points_ - self.centres_[self.codes_]
        self.spread_ = max(float((within**2).mean()), 1e-12)

    def _answer(self, points: np.ndarray) -> np.ndarray:
        away = ((points[:, None, :] - self.centres_[None]) ** 2).sum(axis=2) / (2 * self.spread_)
        power = np.exp(away.min(axis=1, keepdims=True) - away)
        return power / power.sum(axis=1, keepdims=True)


class SpaceLogistic(_InReferenceSpace):
    """Ridge logistic regression on the components."""

    name = "pca-logistic"
    what = "ridge logistic regression"

    def _learn(self, data: Dataset, seed: int) -> None:
        spread = self.points_.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, np.inf)
        design = Held(self.points_ / self.scale_)
        self.model_ = fit_linear(design, data.target, data.unit, strengths=STRENGTHS, seed=seed, lasso=False, folds=5)

    def _answer(self, points: np.ndarray) -> np.ndarray:
        return self.model_.predict(Held(points / self.scale_))


def cell_rivals() -> list[Rival]:
    """The simplest first."""
    return [NearestCentroid(), PcaNeighbours(), SpaceLogistic()]


def _values(data: Dataset, name: str) -> np.ndarray:
    if not isinstance(data.x, Matrix):
        raise UsageError("this rival reads cells by genes", where=name, got=type(data.x).__name__)
    return data.x.values
