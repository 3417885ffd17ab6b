"""Split-conformal intervals for regression (Lei et al. 2018, J Am Stat Assoc 113:1094)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError, UsageError


class SplitConformal:
    """Intervals of one width per track: the prediction and the calibration residuals on both sides."""

    def __init__(self) -> None:
        self.residuals_: list[np.ndarray] = []

    def fit(self, predicted: np.ndarray, truth: np.ndarray) -> Self:
        """Keep the absolute residuals of the calibration part.

        Args:
            predicted: (example, track), or (example,) for one track.
            truth: the same shape; NaN where not measured.

        Raises:
            MismatchError: shapes differ.
            InsufficientDataError: a track has no measured example.
        """
        guess, value = _columns(predicted), _columns(truth)
        if guess.shape != value.shape:
            raise MismatchError(
                "predictions and truth have other shapes",
                where="conformal intervals",
                got=guess.shape,
                expected=value.shape,
            )
        residuals = np.abs(guess - value)
        self.residuals_ = [np.sort(column[np.isfinite(column)]) for column in residuals.T]
        if any(not len(known) for known in self.residuals_):
            raise InsufficientDataError(
                "a track has no calibration example", where="conformal intervals", expected="a measured value or more"
            )
        return self

    def width(self, alpha: float) -> np.ndarray:
        """Half width for each track (track,); infinite where calibration is too small for `alpha`."""
        if not self.residuals_:
            raise NotTrainedError("conformal intervals were not calibrated", do="call fit on the calibration part")
        if not 0 < alpha < 1:
            raise UsageError("alpha out of range", where="conformal intervals", got=alpha, expected="between 0 and 1")
        halves = []
        for known in self.residuals_:
            # The finite-sample quantile: rank ceil((n + 1)(1 - alpha)); 1e-9 keeps exact products from rounding up.
            rank = int(np.ceil((len(known) + 1) * (1 - alpha) - 1e-9))
            halves.append(known[max(rank, 1) - 1] if rank <= len(known) else np.inf)
        return np.array(halves)

    def intervals(self, predicted: np.ndarray, alpha: float) -> np.ndarray:
        """Low and high ends (example, track, 2) that hold the truth with probability at least 1 - alpha."""
        guess, half = _columns(predicted), self.width(alpha)
        return np.stack([guess - half, guess + half], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {"residuals": [known.tolist() for known in self.residuals_]}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave; other keys are ignored."""
        made = cls()
        made.residuals_ = [np.asarray(known, float) for known in state["residuals"]]
        return made


def _columns(values: np.ndarray) -> np.ndarray:
    array = np.asarray(values, float)
    return array[:, None] if array.ndim == 1 else array
