"""What every check of the audit is given."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chiasma.audit.cheap import folds_by_unit, indicators, rate
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Estimate, Predictions
from chiasma.data.sequences import Sequences
from chiasma.data.split import DROPPED, Split
from chiasma.split.place import strata
from chiasma.split.proof import rows_of
from chiasma.stats.kmers import kmer_shares

MOST_FEATURES = 1000
"""Features of a matrix that the cheap model uses: those that vary most, whatever the label."""


@dataclass(frozen=True, eq=False)
class Context:
    """A dataset with its division; examples that the division dropped are already gone.

    Attributes:
        data: the examples.
        split: the division, aligned with them.
        seed: root of the audit's random choices.
        deadline: of time.monotonic(), after which optional checks are skipped.
        predictions: somebody's claims, or None.
        full: the matrix before feature selection, or None.
    """

    data: Dataset
    split: Split
    seed: int
    deadline: float
    predictions: Predictions | None = None
    full: Matrix | None = None

    @property
    def late(self) -> bool:
        """Whether the time allowed is spent."""
        return time.monotonic() > self.deadline

    @property
    def labelled(self) -> bool:
        """Whether there is something to predict, with at least two values."""
        return self.data.target.kind != "none" and len(np.unique(self.data.target.values)) > 1

    @property
    def continuous(self) -> bool:
        """Whether figures are correlations instead of areas."""
        return self.data.target.kind == "regression"

    @cached_property
    def y(self) -> np.ndarray:
        """The target as numbers (example, output)."""
        return indicators(self.data.target)

    @cached_property
    def fold(self) -> np.ndarray:
        """Cross-validation fold of each example (example,)."""
        return folds_by_unit(self.data.unit, strata(self.data.target, len(self.data)), seed=self.seed)

    @cached_property
    def rows(self) -> np.ndarray | None:
        """Measurements of a matrix, NaN kept (example, feature); None for other data, or without features."""
        rows = rows_of(self.data.x) if isinstance(self.data.x, Matrix | Views) else None
        return rows if rows is not None and rows.shape[1] else None

    @cached_property
    def features(self) -> np.ndarray | None:
        """What the cheap model learns from (example, feature): shares of 4-mers, or the features that vary most."""
        if isinstance(self.data.x, Sequences):
            return kmer_shares(self.data.x, 4)
        if self.rows is None:
            return None
        return filled(self.rows)[:, np.argsort(-np.nan_to_num(filled(self.rows).std(axis=0)))[:MOST_FEATURES]]

    def rate(self, scores: np.ndarray, *, index: np.ndarray | None = None, y: np.ndarray | None = None) -> Estimate:
        """The figure of merit of scores (example, output) on some examples."""
        chosen = np.arange(len(self.data)) if index is None else index
        truth = self.y[chosen] if y is None else y
        unit, name = self.data.unit[chosen], self.data.unit_name
        return rate(truth, scores, unit=unit, continuous=self.continuous, unit_name=name)


def make_context(
    data: Dataset,
    split: Split,
    *,
    seed: int,
    budget_s: float,
    predictions: Predictions | None = None,
    full: Matrix | None = None,
) -> Context:
    """A context without the dropped examples."""
    kept = np.flatnonzero(split.part != DROPPED)
    if len(kept) < len(data):
        split = Split(split.kind, split.ids[kept], split.part[kept], split.parameters, split.proof, split.warnings)
        data = data.take(kept)
        full = None if full is None else full.take(kept)
    return Context(data, split, seed, time.monotonic() + budget_s, predictions, full)


def filled(rows: np.ndarray) -> np.ndarray:
    """Missing values replaced by the feature's mean over all samples; 0 where a feature has none."""
    missing = np.isnan(rows)
    if not missing.any():
        return rows
    counts = np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, np.nansum(rows, axis=0) / counts, rows)
