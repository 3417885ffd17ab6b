"""Seqlets: short spans of a sequence that carry an unusual share of the attribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import UsageError

SHORTEST = 4
"""Positions of the shortest window that is tested."""


@dataclass(frozen=True)
class Seqlet:
    """A span [start, end) of sequence `row`, its summed attribution and empirical p-value."""

    row: int
    start: int
    end: int
    attribution: float
    p: float


def window_sums(scores: np.ndarray, width: int) -> np.ndarray:
    """Sums over every window (sequence, position) -> (sequence, position - width + 1)."""
    total = np.concatenate([np.zeros((len(scores), 1)), np.cumsum(scores, axis=1, dtype=float)], axis=1)
    return total[:, width:] - total[:, :-width]


def _known_windows(known: np.ndarray | None, shape: tuple[int, ...], width: int) -> np.ndarray:
    """Which windows hold known bases only (sequence, position - width + 1)."""
    if known is None:
        return np.ones((shape[0], shape[1] - width + 1), bool)
    return window_sums(known, width) == width


def _upper_p(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Two-sided p-values of window sums under a Laplace law fitted to the usable ones; 1 for the others."""
    p = np.ones_like(values)
    law = values[usable]
    if not len(law):
        return p
    centre = np.median(law)
    spread = np.median(np.abs(law - centre)) / np.log(2) or np.abs(law - centre).mean()
    if spread > 0:
        p[usable] = np.exp(-np.abs(law - centre) / spread)
    return p


def recursive_seqlets(
    scores: np.ndarray,
    *,
    known: np.ndarray | None = None,
    p_threshold: float = 0.01,
    min_length: int = SHORTEST,
    max_length: int = 25,
) -> list[Seqlet]:
    """Longest spans all of whose own windows are significant, strongest first, none overlapping.

    Args:
        scores: attribution (sequence, position).
        known: where there is a base (sequence, position); no seqlet reaches outside, and the zeros of padding do not
            enter the law. By default everywhere.
        p_threshold: largest p of any window inside a seqlet, under a Laplace law fitted for each length.
        min_length: shortest window tested, in positions.
        max_length: longest seqlet, in positions.

    Raises:
        UsageError: lengths that no sequence holds.
    """
    longest = min(max_length, scores.shape[1])
    if not 1 <= min_length <= longest:
        raise UsageError("no seqlet fits", got=f"{min_length} to {max_length}", expected=f"at most {scores.shape[1]}")
    worst = _upper_p(window_sums(scores, min_length), _known_windows(known, scores.shape, min_length))
    levels = [worst]
    for length in range(min_length + 1, longest + 1):
        own = _upper_p(window_sums(scores, length), _known_windows(known, scores.shape, length))
        worst = np.maximum(own, np.maximum(worst[:, :-1], worst[:, 1:]))
        levels.append(worst)
    taken = np.zeros(scores.shape, bool)
    found = []
    for length in range(longest, min_length - 1, -1):
        level = levels[length - min_length]
        rows, starts = np.nonzero(level <= p_threshold)
        for index in np.lexsort((starts, rows, level[rows, starts])):
            row, start = int(rows[index]), int(starts[index])
            if taken[row, start : start + length].any():
                continue
            taken[row, start : start + length] = True
            total = float(scores[row, start : start + length].sum())
            found.append(Seqlet(row, start, start + length, total, float(level[row, start])))
    return sorted(found, key=lambda seqlet: (-abs(seqlet.attribution), seqlet.row, seqlet.start))


def threshold_seqlets(
    scores: np.ndarray, *, known: np.ndarray | None = None, width: int = 10, quantile: float = 0.95
) -> list[Seqlet]:
    """Windows of one width whose absolute sum passes a quantile of all windows, strongest first, none overlapping.

    Only windows whose bases are all known count; arguments as in `recursive_seqlets`.
    """
    width = min(width, scores.shape[1])
    sums = window_sums(scores, width)
    usable = _known_windows(known, scores.shape, width)
    if not usable.any():
        return []
    size = np.where(usable, np.abs(sums), 0.0)
    limit = np.quantile(size[usable], quantile)
    order = np.sort(size[usable])
    rows, starts = np.nonzero((size >= limit) & (size > 0))
    taken = np.zeros(scores.shape, bool)
    found = []
    for index in np.lexsort((starts, rows, -size[rows, starts])):
        row, start = int(rows[index]), int(starts[index])
        if taken[row, start : start + width].any():
            continue
        taken[row, start : start + width] = True
        rank = 1 - np.searchsorted(order, size[row, start], "left") / len(order)
        found.append(Seqlet(row, start, start + width, float(sums[row, start]), float(rank)))
    return found
