"""The best single motif of a given file: how far one known binding site goes.

Each sequence is scored by the best log-odds of a motif on either strand. Motifs are ranked on a small sample of the
training examples, the best ones again on a larger, and the winner (one for each class, label or track) enters a linear
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.motif import NamedMotif, log_odds
from chiasma.data.sequences import Sequences
from chiasma.metrics.classification import auroc
from chiasma.metrics.regression import spearman
from chiasma.rivals.base import Rival
from chiasma.rivals.composition import sequences_of
from chiasma.rivals.linear import Held, LinearFit, fit_linear

FIRST_SAMPLE, SECOND_SAMPLE, FINALISTS = 1000, 10_000, 20
"""Examples on which all motifs, then the best of them, are ranked; how many go on to the second round."""
STRENGTHS = (1e-4,)
"""One feature hardly needs a penalty; this one keeps separable classes finite."""


@cache
def _kernel() -> Any:
    from numba import njit

    @njit(nogil=True)
    def best_scores(codes, starts, ends, odds, widths, out):  # type: ignore[no-untyped-def]
        for motif in range(odds.shape[0]):
            width = widths[motif]
            for row in range(len(starts)):
                best = np.float32(-np.inf)
                for strand in range(2):
                    matrix = odds[motif, strand]
                    for at in range(starts[row], ends[row] - width + 1):
                        total = np.float32(0.0)
                        for j in range(width):
                            total += matrix[j, codes[at + j]]
                        if total > best:
                            best = total
                out[row, motif] = best

    return best_scores


def scan(sequences: Sequences, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Best log-odds of each motif on either strand of each sequence, in bits, float32 (sequence, motif).

    Args:
        sequences: to scan.
        matrices: base probabilities of each motif (position, base), columns A C G T.

    Returns:
        -inf where a sequence is shorter than the motif.
    """
    widths = np.array([len(matrix) for matrix in matrices], np.int64)
    odds = np.zeros((len(matrices), 2, max(widths, default=0), 5), np.float32)
    for number, matrix in enumerate(matrices):
        forward = np.column_stack([log_odds(matrix), np.zeros(len(matrix))])  # an unknown base scores 0
        odds[number, 0, : len(matrix)] = forward
        odds[number, 1, : len(matrix)] = forward[::-1, [3, 2, 1, 0, 4]]
    out = np.empty((len(sequences), len(matrices)), np.float32)
    _kernel()(sequences.codes, sequences.offsets[:-1], sequences.offsets[1:], odds, widths, out)
    return out


class BestMotif(Rival):
    """The one motif of a list that best tells each class (or follows each track), in a linear model."""

    def __init__(self, motifs: Sequence[NamedMotif], *, source: str = "") -> None:
        self.motifs, self.source = list(motifs), source
        self.name = "best-motif"
        self.describes = f"the best match to the single best of {len(self.motifs)} motifs" + (
            f" ({source})" if source else ""
        )

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """From a MEME file."""
        from chiasma.io.meme import read_meme

        return cls(read_meme(path), source=Path(path).name)

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Choose the motifs on samples of the training examples, then fit the model on all.

        Raises:
            InputError: the list of motifs is empty.
        """
        if not self.motifs:
            raise InputError("the file holds no motif", where=self.source or self.name, expected="one or more")
        sequences_of(data, self.name)
        candidates = np.arange(len(self.motifs))
        ranking = _merits(self._sample(data, FIRST_SAMPLE, seed=seed), self._matrices(candidates))
        finalists = np.unique(np.argsort(-ranking, axis=0, kind="stable")[:FINALISTS])
        ranking = _merits(self._sample(data, SECOND_SAMPLE, seed=seed), self._matrices(finalists))
        self.chosen_ = np.unique(finalists[ranking.argmax(axis=0)])
        self.chosen_names_ = tuple(self.motifs[number].name for number in self.chosen_)
        self.describes = f"the best match to {', '.join(self.chosen_names_)}, chosen among {len(self.motifs)} motifs"
        raw = self._features(data)
        self.floor_ = np.where(np.isfinite(raw), raw, np.inf).min(axis=0)
        self.floor_ = np.where(np.isfinite(self.floor_), self.floor_, 0.0)
        raw = np.maximum(raw, self.floor_)
        spread = raw.std(axis=0)
        self.centre_, self.scale_ = raw.mean(axis=0), np.where(spread > 0, spread, np.inf)
        design = Held((raw - self.centre_) / self.scale_)
        self.model_: LinearFit = fit_linear(design, data.target, data.unit, strengths=STRENGTHS, seed=seed)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output); a sequence shorter than the motif gets the lowest score."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        raw = np.maximum(self._features(data), self.floor_)
        return self.model_.predict(Held((raw - self.centre_) / self.scale_))

    def _matrices(self, index: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(self.motifs[number].probabilities, float) for number in index]

    def _features(self, data: Dataset) -> np.ndarray:
        return scan(sequences_of(data, self.name), self._matrices(self.chosen_)).astype(float)

    def _sample(self, data: Dataset, size: int, *, seed: int) -> Dataset:
        """At most `size` examples, whole units as they come in a random order."""
        if len(data) <= size:
            return data
        names, member = np.unique(data.unit, return_inverse=True)
        order = generator(seed, "motif-sample").permutation(len(names))
        place = np.empty(len(names), np.int64)
        place[order] = np.arange(len(names))
        return data.take(np.sort(np.argsort(place[member], kind="stable")[:size]))


def _merits(data: Dataset, matrices: list[np.ndarray]) -> np.ndarray:
    """How well each motif orders the examples by each output, in either direction, (motif, output)."""
    scores = scan(data.x, matrices)  # type: ignore[arg-type]
    return np.array([[_merit(truth, score, data.target) for truth in _columns(data.target)] for score in scores.T])


def _columns(target: Target) -> list[np.ndarray]:
    """One column of truth for each output that a motif could explain."""
    values = np.asarray(target.values)
    if target.kind == "binary":
        return [values]
    if target.kind == "multiclass":
        return [(values == code).astype(np.int64) for code in range(target.n_outputs)]
    return list(values.reshape(len(values), -1).T)


def _merit(truth: np.ndarray, score: np.ndarray, target: Target) -> float:
    if target.kind == "regression":
        merit = abs(spearman(truth, score))
    else:
        merit = abs(auroc(truth, score) - 0.5)
    return merit if np.isfinite(merit) else -1.0
