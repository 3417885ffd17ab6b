"""The contracts of methods that are no networks: Estimator, Representation and Procedure. No torch here; networks see
fit/task.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from chiasma.core.errors import ChiasmaError, InputError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Inference


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


STUDY = "study"
"""Column of a Dataset: name of each sample's study, for methods that take it into account."""

State = tuple[dict[str, np.ndarray], dict[str, Any]]
"""Named arrays, and JSON-ready facts."""


@runtime_checkable
class Estimator(Protocol):
    """A matrix method in scikit-learn's manners; constructor parameters are the fields of its configuration."""

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to a table, or mapping of tables (sample, feature), and classes (sample,); may take `groups`, `study`."""
        ...

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each of `classes_` (sample, class); may take `study`."""
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
        """Learn from a table, or a mapping of tables (sample, feature); may take `groups`, `study`, `device`.

        What its user must know of this fit, such as that nothing was found, it may list in `remarks_`.
        """
        ...

    def transform(self, X: Any) -> np.ndarray:
        """Factors of samples (sample, factor); may take `study`."""
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


def fit_procedure(procedure: Any, data: Dataset, *, seed: int, folder: Path) -> Any:
    """Fit, telling the run folder to those that keep in it how far they have come."""
    return procedure.fit(data, seed=seed, **_asked(procedure.fit, folder=folder))


def conclude_in(procedure: Any, data: Dataset, *, seed: int, folder: Path) -> Inference:
    """What a procedure concludes, likewise."""
    found: Inference = procedure.conclude(data, seed=seed, **_asked(procedure.conclude, folder=folder))
    return found


def fit_estimator(estimator: Any, x: Any, y: Any, *, unit: np.ndarray, study: np.ndarray | None = None) -> Any:
    """Fit, telling the unit of each sample (sample,) to those that ask for `groups`, its study to those for `study`."""
    return estimator.fit(x, y, **_asked(estimator.fit, groups=unit, study=study))


def ask(function: Callable[..., Any], x: Any, *, study: np.ndarray | None) -> Any:
    """What a fitted model says of samples, told the study of each (sample,) where it asks for that and it is known."""
    return function(x, **_asked(function, study=study))


def _asked(function: Callable[..., Any], **known: Any) -> dict[str, Any]:
    """Of what is known, what a function has a parameter for."""
    wanted = signature(function).parameters
    return {name: value for name, value in known.items() if name in wanted and value is not None}


def fit_representation(model: Any, data: Dataset, x: Any, *, procedure: bool, seed: int, device: str = "auto") -> Any:
    """Fit a method without a target to all samples given.

    Args:
        model: a Representation, or a Procedure that has its `transform`.
        data: the samples; a procedure is given these, their target left out.
        x: the same as tables, for an estimator.
        procedure: which of both it is.
        seed: for a procedure.
        device: auto, cpu, cuda or mps, for an estimator that asks for it.
    """
    if procedure:
        return model.fit(replace(data, target=Target("none", np.zeros(0), ())), seed=seed)
    return model.fit(x, **_asked(model.fit, groups=data.unit, study=data.columns.get(STUDY), device=device))
