"""How unlike the training set an example is: Mahalanobis distance in a small feature space (Lee et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences
from chiasma.stats.kmers import kmer_shares

SHRINKAGE = 0.05
"""Share of the average variance mixed into the covariance, so that it can always be inverted."""


def ood_features(x: Sequences | Matrix | Views) -> np.ndarray:
    """Features (example, feature) to measure strangeness in: 3-mer shares and log length, or all measurements."""
    if isinstance(x, Sequences):
        return np.column_stack([kmer_shares(x, 3), np.log(np.maximum(x.lengths, 1))])
    blocks = [x] if isinstance(x, Matrix) else list(x.blocks.values())
    return np.hstack([np.asarray(block.values, float) for block in blocks])


class MahalanobisScore:
    """Distance to the training set's centre, in units of its spread, with its rank among training examples."""

    def __init__(self) -> None:
        self.mean_: np.ndarray | None = None
        self.deviation_: np.ndarray | None = None
        self.whitening_: np.ndarray | None = None
        self.known_: np.ndarray | None = None

    def fit(self, features: np.ndarray) -> Self:
        """Learn centre and spread from training features (example, feature); NaN counts as the feature's mean.

        Raises:
            InsufficientDataError: fewer than three examples, or nothing varies.
        """
        values = np.asarray(features, float)
        if len(values) < 3:
            raise InsufficientDataError("too few training examples", where="out-of-distribution score", got=len(values))
        counts = np.maximum(np.isfinite(values).sum(axis=0), 1)
        self.mean_ = np.nansum(values, axis=0) / counts
        self.deviation_ = np.sqrt(np.nansum((values - self.mean_) ** 2, axis=0) / counts)
        if not (self.deviation_ > 0).any():
            raise InsufficientDataError("no feature varies", where="out-of-distribution score")
        scaled = self._scaled(values)
        _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
        variance = singular**2 / len(scaled)
        variance = (1 - SHRINKAGE) * variance + SHRINKAGE * variance.mean()
        self.whitening_ = axes.T / np.sqrt(np.maximum(variance, 1e-12))
        self.known_ = np.sort(self.distance(values))
        return self

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distance (example,), what lies outside the training features' span included."""
        if self.whitening_ is None:
            raise NotTrainedError("the out-of-distribution score was not fitted", do="call fit on training features")
        scaled = self._scaled(np.asarray(features, float))
        inside = scaled @ self.whitening_
        norms = np.maximum(np.linalg.norm(self.whitening_, axis=0), 1e-12)
        outside = scaled - (scaled @ (self.whitening_ / norms)) @ (self.whitening_ / norms).T
        # Directions that training never varied in count as the least varied one.
        return np.sqrt((inside**2).sum(axis=1) + (outside**2).sum(axis=1) * norms.max() ** 2)

    def p_value(self, features: np.ndarray) -> np.ndarray:
        """Share of training examples at least as far out (example,), never 0."""
        if self.known_ is None:
            raise NotTrainedError("the out-of-distribution score was not fitted", do="call fit on training features")
        beyond = len(self.known_) - np.searchsorted(self.known_, self.distance(features), side="left")
        return (beyond + 1) / (len(self.known_) + 1)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        assert self.mean_ is not None and self.deviation_ is not None
        if values.ndim != 2 or values.shape[1] != len(self.mean_):
            raise MismatchError(
                "other features than in training",
                where="out-of-distribution score",
                got=values.shape,
                expected=f"(example, {len(self.mean_)})",
            )
        centred = np.where(np.isfinite(values), values - self.mean_, 0.0)
        return centred / np.where(self.deviation_ > 0, self.deviation_, 1.0)

    def state(self) -> dict[str, np.ndarray]:
        """Named arrays that hold all that was learned."""
        names = ("mean", "deviation", "whitening", "known")
        return {name: getattr(self, f"{name}_") for name in names if getattr(self, f"{name}_") is not None}

    @classmethod
    def from_state(cls, arrays: Mapping[str, Any]) -> Self:
        """From what `state` gave."""
        made = cls()
        for name in ("mean", "deviation", "whitening", "known"):
            setattr(made, f"{name}_", np.asarray(arrays[name], float))
        return made
