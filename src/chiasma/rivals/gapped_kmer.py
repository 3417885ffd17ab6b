"""Gapped k-mer logistic regression (after Ghandi et al. 2014): words with places left open.

A feature is six bases within a window of up to `longest` ones, the first and the last of the window among them: every
pattern of places, every word on it, a word and its reverse complement (on the mirrored pattern) being one feature. Only
the feature numbers of the words are held, two bytes each: 60 million of them (30,000 sequences of 100 bases) fit in
130 MB and are multiplied in a tenth of a second.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any, Self

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences
from chiasma.rivals.base import Rival
from chiasma.rivals.composition import sequences_of
from chiasma.rivals.linear import LinearFit, fit_linear
from chiasma.stats.kmers import blocks, run_of

STRENGTHS = (1e-4, 1e-5, 1e-6)
"""Ridge penalties tried; rows have about length 1."""
BASES_READ = 3_000_000
"""Training bases beyond which units are sampled, to bound the time."""


def patterns(informative: int, longest: int) -> np.ndarray:
    """Places read by each pattern (pattern, informative): from 0 to at most longest - 1, both ends of a window read.

    >>> patterns(3, 4).tolist()
    [[0, 1, 2], [0, 1, 3], [0, 2, 3]]
    """
    found = [
        (0, *middle, span - 1)
        for span in range(informative, longest + 1)
        for middle in combinations(range(1, span - 1), informative - 2)
    ]
    return np.array(found, np.int64)


def feature_table(places: np.ndarray) -> tuple[np.ndarray, int]:
    """Feature of each word on each pattern, int32 (pattern, word), and how many features there are.

    A word on a pattern and its reverse complement on the mirrored pattern are one feature.
    """
    count, k = places.shape
    words = 4**k
    digits = (np.arange(words)[:, None] // 4 ** np.arange(k - 1, -1, -1)) % 4
    flipped = (3 - digits[:, ::-1]) @ (4 ** np.arange(k - 1, -1, -1))
    index = {tuple(row): number for number, row in enumerate(places.tolist())}
    mirror = [index[tuple(sorted(row[-1] - place for place in row))] for row in places.tolist()]
    own = np.arange(count)[:, None] * words + np.arange(words)
    other = np.array(mirror)[:, None] * words + flipped
    first, feature = np.unique(np.minimum(own, other), return_inverse=True)
    return feature.reshape(count, words).astype(np.int32), len(first)


@cache
def _lister() -> Any:
    from numba import njit

    @njit(nogil=True)
    def list_entries(codes, starts, ends, places, table, entries, offsets):  # type: ignore[no-untyped-def]
        """Write the feature of every word of every sequence, in order; offsets tell where each sequence's begin."""
        written = 0
        for row in range(len(starts)):
            offsets[row] = written
            for pattern in range(places.shape[0]):
                for at in range(starts[row], ends[row] - places[pattern, -1]):
                    word, known = 0, True
                    for j in range(places.shape[1]):
                        code = codes[at + places[pattern, j]]
                        known &= code < 4
                        word = word * 4 + code
                    if known:
                        entries[written] = table[pattern, word]
                        written += 1
        offsets[len(starts)] = written

    return list_entries


@cache
def _products() -> tuple[Any, Any]:
    from numba import njit

    @njit(nogil=True)
    def times(entries, offsets, weights, out):  # type: ignore[no-untyped-def]
        for column in range(out.shape[1]):
            for row in range(len(offsets) - 1):
                total = 0.0
                for place in range(offsets[row], offsets[row + 1]):
                    total += weights[column, entries[place]]
                out[row, column] = total

    @njit(nogil=True)
    def transposed(entries, offsets, residual, out):  # type: ignore[no-untyped-def]
        for column in range(out.shape[0]):
            for row in range(len(offsets) - 1):
                value = residual[row, column]
                for place in range(offsets[row], offsets[row + 1]):
                    out[column, entries[place]] += value

    return times, transposed


class GappedDesign:
    """Gapped k-mer counts as something to multiply with; a row is divided by the root of its number of words.

    Attributes:
        entries: feature of every word, sequence after sequence (word,).
        offsets: where each sequence's words begin, and the end of the last (sequence + 1,).
        n_features: columns.
    """

    def __init__(self, entries: np.ndarray, offsets: np.ndarray, n_features: int) -> None:
        self.entries, self.offsets, self.n_features = entries, offsets, n_features
        self.scale = 1.0 / np.sqrt(np.maximum(np.diff(offsets), 1))[:, None]

    @classmethod
    def of(cls, sequences: Sequences, places: np.ndarray, table: np.ndarray, *, n_features: int) -> Self:
        """List the words of sequences."""
        most = int(np.maximum(sequences.lengths[:, None] - places[:, -1], 0).sum())
        entries = np.empty(most, np.uint16 if n_features < 2**16 else np.int32)
        offsets = np.zeros(len(sequences) + 1, np.int64)
        starts, ends = sequences.offsets[:-1], sequences.offsets[1:]
        _lister()(sequences.codes, starts, ends, places, table, entries, offsets)
        return cls(entries[: offsets[-1]], offsets, n_features)

    @property
    def shape(self) -> tuple[int, int]:
        """Examples and features."""
        return len(self.offsets) - 1, self.n_features

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Features @ weights: (feature, output) to (example, output)."""
        out = np.zeros((self.shape[0], weights.shape[1]))
        _products()[0](self.entries, self.offsets, np.ascontiguousarray(weights.T, dtype=float), out)
        return out * self.scale

    def transposed_times(self, residual: np.ndarray) -> np.ndarray:
        """Features.T @ residual: (example, output) to (feature, output)."""
        out = np.zeros((residual.shape[1], self.n_features))
        _products()[1](self.entries, self.offsets, np.ascontiguousarray(residual * self.scale), out)
        return out.T

    def take(self, index: np.ndarray) -> GappedDesign:
        """Some examples."""
        sizes = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        entries = np.empty(offsets[-1], self.entries.dtype)
        for new, old in enumerate(index):
            entries[offsets[new] : offsets[new + 1]] = self.entries[self.offsets[old] : self.offsets[old + 1]]
        return GappedDesign(entries, offsets, self.n_features)


class GappedKmerLinear(Rival):
    """A linear model of gapped k-mer counts, both strands together."""

    def __init__(self, informative: int = 6, longest: int = 8, *, name: str = "gapped-kmer-logistic") -> None:
        self.informative, self.longest, self.name = informative, longest, name
        self.describes = (
            f"counts of words of {informative} bases within windows of up to {longest}, places left open between them"
        )

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit on at most 3,000,000 bases (units are sampled beyond); the penalty is chosen on a tenth of the units."""
        self.places_ = patterns(self.informative, self.longest)
        self.table_, self.features_ = feature_table(self.places_)
        kept = data.take(within_budget(data, BASES_READ, seed=seed))
        design = self._design(sequences_of(kept, self.name))
        self.model_: LinearFit = fit_linear(design, kept.target, kept.unit, strengths=STRENGTHS, seed=seed)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        whole = sequences_of(data, self.name)
        parts = [run_of(whole, first, last) for first, last in blocks(whole)]
        return np.concatenate([self.model_.predict(self._design(part)) for part in parts])

    def _design(self, sequences: Sequences) -> GappedDesign:
        return GappedDesign.of(sequences, self.places_, self.table_, n_features=self.features_)


def within_budget(data: Dataset, bases: int, *, seed: int) -> np.ndarray:
    """Indices of whole units drawn at random until they hold `bases` bases; of all examples where these hold fewer."""
    lengths = sequences_of(data, "sampling").lengths
    if lengths.sum() <= bases:
        return np.arange(len(data))
    names, member = np.unique(data.unit, return_inverse=True)
    order = generator(seed, "budget").permutation(len(names))
    total = np.cumsum(np.bincount(member, weights=lengths)[order])
    taken = order[: max(int(np.searchsorted(total, bases)), 2)]
    return np.flatnonzero(np.isin(member, taken))
