"""Memory as a rival: what the most similar training sequence was."""

from __future__ import annotations

from typing import Self

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.rivals.base import Rival
from chiasma.rivals.composition import sequences_of
from chiasma.rivals.gapped_kmer import within_budget
from chiasma.rivals.kmer import kmer_rows

BASES_KEPT = 2_000_000
"""Training bases beyond which units are sampled: time grows with training times test examples."""
BLOCK = 1024


class NearestNeighbour(Rival):
    """Mean truth of the training sequences with the most similar k-mer counts (cosine, both strands)."""

    def __init__(self, *, neighbours: int = 5, k: int = 8) -> None:
        self.neighbours, self.k = neighbours, k
        self.name = "nearest"
        self.describes = f"the {neighbours} training sequences with the most similar {k}-mer counts: memory, not rule"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Keep the training sequences, at most 2,000,000 bases of them."""
        kept = data.take(within_budget(data, BASES_KEPT, seed=seed))
        self.rows_ = kmer_rows(sequences_of(kept, self.name), self.k).T.tocsc()
        values = np.asarray(kept.target.values)
        if kept.target.kind in ("binary", "multiclass"):
            self.truth_ = (values[:, None] == np.arange(kept.target.n_outputs)).astype(float)
        else:
            self.truth_ = values.reshape(len(values), -1).astype(float)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Share of the neighbours in each class, weighted by similarity, or their mean (example, output)."""
        if not hasattr(self, "rows_"):
            raise self._not_fitted()
        rows = kmer_rows(sequences_of(data, self.name), self.k)
        count = min(self.neighbours, len(self.truth_))
        out = np.empty((len(data), self.truth_.shape[1]))
        prior = self.truth_.mean(axis=0)
        for first in range(0, len(data), BLOCK):
            similarity = np.asarray((rows[first : first + BLOCK] @ self.rows_).todense())
            near = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
            weight = np.take_along_axis(similarity, near, axis=1)[..., None] + 1e-9
            # (example, neighbour, output); the prior counts as one neighbour of similarity 0.1
            total = (weight * self.truth_[near]).sum(axis=1) + 0.1 * prior
            out[first : first + BLOCK] = total / (weight.sum(axis=1) + 0.1)
        return out
