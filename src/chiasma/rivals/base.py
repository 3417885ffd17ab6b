"""What a simple rival is: fitted to a dataset, it predicts on the same scale as the methods it is measured against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np

from chiasma.core.errors import NotTrainedError
from chiasma.data.dataset import Dataset


class Rival(ABC):
    """A simple method that a network must beat.

    Attributes:
        name: short name, as in metrics.json.
        describes: what it knows of an example, in a clause, for the report.
    """

    name: str
    describes: str = ""

    @abstractmethod
    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit to the training examples; the strength of penalties is chosen inside, on held-out units."""

    @abstractmethod
    def predict(self, data: Dataset) -> np.ndarray:
        """Class or label probabilities, or track values, (example, output)."""

    def _not_fitted(self) -> NotTrainedError:
        return NotTrainedError("this rival has not been fitted", where=self.name, do="call fit first")
