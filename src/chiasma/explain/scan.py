"""Scan sequences for a motif on both strands, with exact p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.motif import NamedMotif, log_odds

_STEPS_A_BIT = 100


@dataclass(frozen=True, eq=False)
class Hits:
    """Occurrences of a motif, most significant first; all arrays (hit,).

    Attributes:
        row: sequence.
        start: first position, 0-based.
        strand: "+" or "-".
        score: log2 odds.
        p: chance of such a score at one position of random sequence.
    """

    row: np.ndarray
    start: np.ndarray
    strand: np.ndarray
    score: np.ndarray
    p: np.ndarray


def score_tail(steps: np.ndarray, *, background: np.ndarray | None = None) -> tuple[int, np.ndarray]:
    """Chance of each total of an integer matrix (position, base) or more, by convolution of its rows.

    Returns:
        lowest: smallest total.
        tail: chance of `lowest + index` or more.
    """
    background = np.full(4, 0.25) if background is None else np.asarray(background, float)
    low = steps.min(axis=1)
    mass = np.ones(1)
    for row, bottom in zip(steps, low):
        mass = np.convolve(mass, np.bincount(row - bottom, weights=background))
    return int(low.sum()), np.clip(np.cumsum(mass[::-1])[::-1], 0, 1)


def scan(
    codes: np.ndarray, motif: NamedMotif, *, p_threshold: float = 1e-4, background: np.ndarray | None = None
) -> Hits:
    """Every place where a motif scores at `p_threshold` or better.

    Args:
        codes: uint8 (sequence, position); windows with unknown bases score 0 there.
        motif: name and probabilities (position, base).
        p_threshold: largest p-value at one position of one strand.
        background: base probabilities (base,); equal if None.

    Raises:
        UsageError: the motif is longer than the sequences.
    """
    width = len(motif.probabilities)
    if width > codes.shape[1]:
        raise UsageError("motif longer than the sequences", where=motif.name, got=width, expected=codes.shape[1])
    odds = log_odds(motif.probabilities, background=background)
    found = []
    for strand, matrix in (("+", odds), ("-", odds[::-1, ::-1])):
        steps = np.rint(matrix * _STEPS_A_BIT).astype(np.int64)
        lowest, tail = score_tail(steps, background=background)
        total = window_scores(codes, steps)
        p = tail[np.clip(total - lowest, 0, len(tail) - 1)]
        rows, starts = np.nonzero(p <= p_threshold)
        found.append((rows, starts, np.full(len(rows), strand), total[rows, starts] / _STEPS_A_BIT, p[rows, starts]))
    row, start, strands, score, p = (np.concatenate(parts) for parts in zip(*found))
    order = np.lexsort((strands, start, row, p))
    return Hits(row[order], start[order], strands[order], score[order], p[order])


def window_scores(codes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Score of a matrix (position, base) at every start (sequence, start); unknown bases score 0."""
    table = np.vstack([matrix.T, np.zeros(len(matrix), matrix.dtype)])  # (base, position)
    total = np.zeros((len(codes), codes.shape[1] - len(matrix) + 1), matrix.dtype)
    for position in range(len(matrix)):
        total += table[codes[:, position : position + total.shape[1]], position]
    return total
