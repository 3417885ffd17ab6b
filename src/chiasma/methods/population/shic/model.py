"""S/HIC as a procedure: extremely randomised trees on statistics by window (Schrider and Kern 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InputError, MismatchError
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.methods.population.shic.config import Config
from chiasma.stats.extra_trees import ExtraTrees
from chiasma.stats.popgen.features import ROWS, WINDOWS, FeatureReader


def build(config: Config) -> Shic:
    """The procedure of a configuration."""
    return Shic(config)


class Shic:
    """Class probabilities of a region from its grid of statistics.

    Attributes:
        forest_: the trees.
        names_: of the classes, in the order of the answers.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Grow the trees.

        Raises:
            InputError: the data are no grids. MismatchError: grids of other statistics.
        """
        self.names_ = data.target.names
        self.forest_ = ExtraTrees.grow(
            self._features(data),
            data.target.values,
            n_classes=data.target.n_outputs,
            trees=self.config.trees,
            least_leaf=self.config.least_leaf,
            share_of_features=self.config.share_of_features,
            seed=seed,
        )
        return self

    def scores(self, data: Dataset) -> np.ndarray:
        """Probability of each class (example, class): the trees' votes, and one more that is shared out evenly.

        A class for which no tree of a finite forest votes is unlikely, not impossible.
        """
        votes = self.config.trees * self.forest_.probabilities(self._features(data))
        return (votes + 1 / len(self.names_)) / (self.config.trees + 1)

    def _features(self, data: Dataset) -> np.ndarray:
        if not isinstance(data.x, Simulated):
            raise InputError("grids of statistics are needed", got=type(data.x).__name__)
        features, wanted = FeatureReader().read(data.x), len(ROWS[self.config.statistics]) * WINDOWS
        if features.shape[1] != wanted:
            raise MismatchError("not the statistics that were learnt from", got=features.shape[1], expected=wanted)
        return features

    def loadings(self) -> dict[str, Any]:
        """How often the trees ask for each feature: the share of all splits, in one table named grid."""
        import pandas as pd

        rows = ROWS[self.config.statistics]
        share = self.forest_.importance(len(rows) * WINDOWS)
        names = [f"{row}_window{window}" for row in rows for window in range(WINDOWS)]
        return {"grid": pd.DataFrame({"share_of_splits": share}, index=pd.Index(names, name="feature"))}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The trees as arrays, and the names of the classes."""
        return self.forest_.arrays(), {"names": list(self.names_)}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The procedure that `state` was taken from."""
        made = cls(config)
        made.forest_, made.names_ = ExtraTrees.from_arrays(arrays), tuple(meta["names"])
        return made
