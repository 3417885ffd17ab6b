"""Predictions along two alleles of different length, on the same bins."""

from __future__ import annotations

import numpy as np


def realigned(
    values: np.ndarray, *, bin_size: int, first: int, gap: int, gap_at: int, moved: int
) -> tuple[np.ndarray, np.ndarray]:
    """The shorter allele's predictions on the bins of the longer allele's window.

    The bases that the shorter allele lacks carry nothing there, and what it has in a bin is spread evenly over the
    bin's bases. Nothing is lost: the sum over all bins stays, but for what moves past the window's ends.

    Args:
        values: predictions of the shorter allele's window, each a sum over its bin (bin, track).
        bin_size: bases of a bin.
        first: where the first bin begins in the window.
        gap: bases that the shorter allele lacks.
        gap_at: where they are lacking, in the longer allele's window.
        moved: bases by which the shorter allele's window begins earlier.

    Returns:
        values (bin, track), and the bins that lie whole in both windows' outputs (bin,).
    """
    count = len(values)
    if gap == 0:
        return values, np.ones(count, bool)
    edges = first + bin_size * np.arange(count + 1)
    # where each edge lies in the shorter allele's window: before the gap, in it, after it
    there = np.minimum(edges, gap_at) + np.maximum(edges - gap_at - gap, 0) + moved
    at = (there - first) / bin_size
    inside = (at >= 0) & (at <= count)
    before = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    at = np.clip(at, 0, count)
    whole = np.minimum(at.astype(np.int64), count - 1)
    sums = before[whole] + (at - whole)[:, None] * values[whole]
    return np.diff(sums, axis=0), inside[:-1] & inside[1:]
