"""Conformal sets of classes, calibrated class by class (Mondrian; Vovk, Gammerman & Shafer 2005, chapter 4.5).

A class belongs to an example's set when the example is no stranger to it than all but a share alpha of that class's
calibration examples. For exchangeable data each class is then covered with probability at least 1 - alpha, whatever
the model. A set may be empty (strange to all classes) or hold every class (nothing can be told).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError, UsageError


class MondrianConformal:
    """Class-conditional split-conformal sets; strangeness is one minus the class's probability."""

    def __init__(self) -> None:
        self.strangeness_: list[np.ndarray] = []

    def fit(self, probabilities: np.ndarray, y: np.ndarray) -> Self:
        """Keep the strangeness of each calibration example to its own class.

        Args:
            probabilities: (example, class).
            y: class codes (example,).

        Raises:
            InsufficientDataError: there is no calibration example.
            MismatchError: lengths differ, a class code has no column, or a probability is not a number.
        """
        values, codes = np.asarray(probabilities, float), np.asarray(y, int)
        if values.ndim != 2 or len(values) != len(codes) or (len(codes) and codes.max() >= values.shape[1]):
            raise MismatchError(
                "probabilities and classes do not match",
                where="conformal",
                got=f"{values.shape} and {codes.shape}",
                expected="(example, class) and (example,), every class with a column",
            )
        if not len(codes):
            raise InsufficientDataError("no calibration examples", where="conformal", expected="one or more")
        if not np.isfinite(values).all():
            raise MismatchError("probabilities that are not numbers", where="conformal", expected="finite numbers")
        self.strangeness_ = [np.sort(1 - values[codes == code, code]) for code in range(values.shape[1])]
        return self

    def p_values(self, probabilities: np.ndarray) -> np.ndarray:
        """Conformal p-value of each class for each example (example, class); 1 for a class never calibrated."""
        values = np.asarray(probabilities, float)
        if not self.strangeness_:
            raise NotTrainedError("conformal sets were not calibrated", do="call fit on the calibration part")
        if values.ndim != 2 or values.shape[1] != len(self.strangeness_):
            raise MismatchError(
                "another number of classes", where="conformal", got=values.shape, expected=len(self.strangeness_)
            )
        result = np.ones(values.shape)
        for code, known in enumerate(self.strangeness_):
            at_least = len(known) - np.searchsorted(known, 1 - values[:, code], side="left")
            result[:, code] = (at_least + 1) / (len(known) + 1)
        return result

    def sets(self, probabilities: np.ndarray, alpha: float) -> np.ndarray:
        """Which classes are in each set, bool (example, class), each class missed at most `alpha` of the time.

        With fewer than 1 / alpha - 1 calibration examples of a class, that class is in every set: there is no other
        way to keep the promise.
        """
        if not 0 < alpha < 1:
            raise UsageError("alpha out of range", where="conformal", got=alpha, expected="between 0 and 1")
        return self.p_values(probabilities) > alpha

    def describe(self, sets: np.ndarray) -> dict[str, float]:
        """Shares of empty, single and full sets, and the mean number of classes."""
        size = np.asarray(sets).sum(axis=1)
        full = size == np.asarray(sets).shape[1]
        shares = {"empty": size == 0, "single": size == 1, "full": full}
        return {name: float(np.mean(value)) for name, value in shares.items()} | {"mean_size": float(size.mean())}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {"strangeness": [known.tolist() for known in self.strangeness_]}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave; other keys are ignored."""
        made = cls()
        made.strangeness_ = [np.asarray(known, float) for known in state["strangeness"]]
        return made
