"""The contracts of methods that are no networks: Estimator, Representation and Procedure. No torch here; networks see
fit/task.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from chiasma.core.errors import ChiasmaError, InputError
from chiasma.data.dataset import Dataset, Target


@contextmanager
def refusals(method: str) -> Iterator[None]:
    """What an estimator refuses in scikit-learn's manner, a ValueError, as an error about the input.

    Raises:
        InputError: in place of it; errors of ours pass.
    """
    try:
        yield
    except ChiasmaError:
        raise
    except ValueError as error:
        said = " ".join(str(error).split())[:400]
        raise InputError(
            "the method cannot use these data",
            where=method,
            got=said,
            do=f"see 'chiasma show {method}' for what it takes; fill or drop what is missing, or choose another method",
        ) from error


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
class Representation(Protocol):
    """A matrix method without a target: it learns factors of the samples, and where new samples lie on them.

    Optional: `reconstruct(factors)` -> values of each view (sample, feature) in the units of the input, the one of a
    matrix called "x"; `loadings()` -> table (feature, factor) of each view; `explained()` -> table (view, factor) of
    shares of variance; `figures()` -> name to a Figure and its tidy table. One that is transductive on its card has
    `embedding_` and knows no samples but those of its fit.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a table, or a mapping of tables (sample, feature); may take `groups`."""
        ...

    def transform(self, X: Any) -> np.ndarray:
        """Factors of samples (sample, factor)."""
        ...

    def get_feature_names_out(self) -> Any:
        """Names of the factors (factor,)."""
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


def fit_representation(model: Any, data: Dataset, x: Any, *, procedure: bool, seed: int) -> Any:
    """Fit a method without a target to all samples given.

    Args:
        model: a Representation, or a Procedure that has its `transform`.
        data: the samples; a procedure is given these, their target left out.
        x: the same as tables, for an estimator.
        procedure: which of both it is.
        seed: for a procedure.
    """
    if procedure:
        return model.fit(replace(data, target=Target("none", np.zeros(0), ())), seed=seed)
    if "groups" in signature(model.fit).parameters:
        return model.fit(x, groups=data.unit)
    return model.fit(x)
