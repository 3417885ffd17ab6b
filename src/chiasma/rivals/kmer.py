"""k-mer logistic regression (ridge regression for tracks): which words a sequence holds, not where."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences
from chiasma.rivals.base import Rival
from chiasma.rivals.composition import sequences_of
from chiasma.rivals.linear import Held, LinearFit, fit_linear
from chiasma.stats.kmers import blocks, kmer_counts, run_of

STRENGTHS = (1e-3, 1e-4, 1e-5, 1e-6)
"""Ridge penalties tried; rows have length 1, so that a feature's variance is about 1 / features."""


class KmerLinear(Rival):
    """A linear model of canonical k-mer counts, each sequence scaled to length 1."""

    def __init__(self, k: int = 6, *, name: str = "kmer-logistic") -> None:
        self.k, self.name = k, name
        self.describes = f"counts of all words of {k} bases, both strands together, without their places"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Count and fit; the penalty is chosen on a tenth of the units."""
        design = Held(kmer_rows(sequences_of(data, self.name), self.k))
        self.model_: LinearFit = fit_linear(design, data.target, data.unit, strengths=STRENGTHS, seed=seed)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        whole = sequences_of(data, self.name)
        parts = [run_of(whole, first, last) for first, last in blocks(whole)]
        return np.concatenate([self.model_.predict(Held(kmer_rows(part, self.k))) for part in parts])


def kmer_rows(sequences: Sequences, k: int) -> Any:
    """Canonical k-mer counts with rows of Euclidean length 1, scipy CSR float64 (sequence, feature)."""
    counts = kmer_counts(sequences, k).astype(float)
    length = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.maximum(length, 1e-12), np.diff(counts.indptr))
    return counts
