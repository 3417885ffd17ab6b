"""Rivals that know next to nothing: the majority, and what GC content and length tell."""

from __future__ import annotations

from typing import Self

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences
from chiasma.rivals.base import Rival
from chiasma.rivals.linear import Held, LinearFit, fit_linear

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)
"""Ridge penalties tried on standardised features."""


class Majority(Rival):
    """Say of every example what is commonest: class frequencies, label frequencies, the mean of each track."""

    name = "majority"
    describes = "the class frequencies (or the mean) of the training examples, nothing of the example itself"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Take frequencies or means."""
        values = np.asarray(data.target.values)
        if data.target.kind in ("binary", "multiclass"):
            self.output_ = np.bincount(values.astype(np.int64), minlength=data.target.n_outputs) / len(values)
        else:
            self.output_ = values.reshape(len(values), -1).astype(float).mean(axis=0)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """The same row for every example (example, output)."""
        if not hasattr(self, "output_"):
            raise self._not_fitted()
        return np.tile(self.output_, (len(data), 1))


class Composition(Rival):
    """A linear model of GC content, its square, and the logarithm of the length."""

    name = "gc-length"
    describes = "GC content and length alone"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Standardise on the training examples and fit."""
        raw = composition(sequences_of(data, self.name))
        self.centre_, spread = raw.mean(axis=0), raw.std(axis=0)
        self.scale_ = np.where(spread > 1e-9, spread, np.inf)
        design = Held((raw - self.centre_) / self.scale_)
        self.model_: LinearFit = fit_linear(design, data.target, data.unit, strengths=STRENGTHS, seed=seed)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        raw = composition(sequences_of(data, self.name))
        return self.model_.predict(Held((raw - self.centre_) / self.scale_))


def composition(sequences: Sequences) -> np.ndarray:
    """GC share, its squared distance from a half, and log length (sequence, 3); GC is a half where no base is known."""
    gc = np.nan_to_num(sequences.gc(), nan=0.5)
    return np.column_stack([gc, (gc - 0.5) ** 2, np.log(np.maximum(sequences.lengths, 1))])


def sequences_of(data: Dataset, name: str) -> Sequences:
    """The examples as sequences, or an error that names the rival."""
    if not isinstance(data.x, Sequences):
        raise UsageError("this rival reads sequences", where=name, got=type(data.x).__name__, expected="Sequences")
    return data.x
