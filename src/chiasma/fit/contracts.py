"""The contracts of methods that are no networks: Estimator and Procedure. No torch here; networks see fit/task.py."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from chiasma.data.dataset import Dataset

State = tuple[dict[str, np.ndarray], dict[str, Any]]
"""Named arrays, and JSON-ready facts."""


@runtime_checkable
class Estimator(Protocol):
    """A matrix method in scikit-learn's manners; constructor parameters are the fields of its configuration."""

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to a table, or a mapping of tables (sample, feature), and classes (sample,); may take `groups`."""
        ...

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each of `classes_` (sample, class)."""
        ...

    def state(self) -> State:
        """What was learnt."""
        ...

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """Fitted again from its state."""
        ...


@runtime_checkable
class Procedure(Protocol):
    """Whatever is neither: annealing, sampling, EM, hidden Markov models, anchors between two sets."""

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit to the examples and, where there is one, their target; all randomness follows from `seed`."""
        ...

    def scores(self, data: Dataset) -> np.ndarray:
        """Class probabilities in the order of the target's names, or values (example, output)."""
        ...

    def state(self) -> State:
        """What was learnt."""
        ...

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """Fitted again from its state."""
        ...


def fit_estimator(estimator: Any, x: Any, y: Any, *, unit: np.ndarray) -> Any:
    """Fit, telling the unit of each sample (sample,) to estimators that ask for `groups`."""
    if "groups" in signature(estimator.fit).parameters:
        return estimator.fit(x, y, groups=unit)
    return estimator.fit(x, y)
