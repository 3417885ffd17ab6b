"""The simple rivals of classifiers that read grids of statistics: extremely randomised trees, a logistic model."""

from __future__ import annotations

from typing import Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.rivals.base import Rival
from chiasma.stats.extra_trees import ExtraTrees
from chiasma.stats.popgen.features import FeatureReader

TREES = 300
_STRENGTHS = (0.01, 0.1, 1.0)
"""Inverse penalties tried by the logistic model."""
_HELD = 0.2
"""Share of the training examples on which they are compared."""


def is_grids(data: Dataset) -> bool:
    """Whether the examples are grids of statistics by window."""
    return isinstance(data.x, Simulated) and "statistics" in data.notes


def grid_rivals() -> list[Rival]:
    """Rivals for grids, unfitted."""
    return [GridLogistic()]


def optional_grid_rivals() -> dict[str, Rival]:
    """Rivals for grids that join where a card names them: trees that a forest would face as its own twin."""
    return {"extra-trees": GridTrees()}


class _GridRival(Rival):
    """Features of grids, their standard learnt from the neutral training examples."""

    def _learn(self, data: Dataset) -> np.ndarray:
        neutral = data.target.names.index("neutral") if "neutral" in data.target.names else None
        self.reader_ = FeatureReader.learn(_examples(data.take(data.target.values == neutral)))
        return self.reader_.read(_examples(data))

    def _features(self, data: Dataset) -> np.ndarray:
        if not hasattr(self, "reader_"):
            raise self._not_fitted()
        return self.reader_.read(_examples(data))


class GridTrees(_GridRival):
    """Extremely randomised trees on the grid, as S/HIC has them."""

    def __init__(self) -> None:
        self.name = "extra-trees"
        self.describes = f"{TREES} extremely randomised trees on the same grid of statistics"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Grow the trees."""
        self.forest_ = ExtraTrees.grow(
            self._learn(data), data.target.values, n_classes=data.target.n_outputs, trees=TREES, seed=seed
        )
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Class probabilities (example, class)."""
        return self.forest_.probabilities(self._features(data))


class GridLogistic(_GridRival):
    """Ridge logistic regression on the standardised grid."""

    def __init__(self) -> None:
        self.name = "grid-logistic"
        self.describes = "a logistic model on the same grid of statistics, its penalty chosen on held-out examples"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Choose the penalty on a fifth of the examples, then fit to all."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline, make_pipeline
        from sklearn.preprocessing import StandardScaler

        features, classes = self._learn(data), data.target.values
        self.n_outputs_ = data.target.n_outputs

        def made(strength: float) -> Pipeline:
            return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300, tol=1e-3))

        held = generator(seed, "grid-logistic").random(len(data)) < _HELD
        scores = []
        for strength in _STRENGTHS:
            if not held.any() or len(np.unique(classes[~held])) < 2:
                break
            scores.append(made(strength).fit(features[~held], classes[~held]).score(features[held], classes[held]))
        best = _STRENGTHS[int(np.argmax(scores))] if scores else _STRENGTHS[0]
        self.model_ = made(best).fit(features, classes)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Class probabilities (example, class)."""
        features = self._features(data)
        found = np.zeros((len(data), self.n_outputs_))
        found[:, self.model_[-1].classes_.astype(int)] = self.model_.predict_proba(features)
        return found


def _examples(data: Dataset) -> Simulated:
    if not isinstance(data.x, Simulated):
        raise InputError("grids of statistics are needed", got=type(data.x).__name__)
    return data.x
