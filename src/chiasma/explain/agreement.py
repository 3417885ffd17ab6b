"""How far attributions can be trusted: against mutagenesis, against each other, against the output."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.data.results import Attribution


def agreement(first: Attribution, second: Attribution) -> np.ndarray:
    """Pearson correlation of two attributions of the same sequences, for each of them (sequence,).

    NaN where either is constant.

    Raises:
        MismatchError: they explain different sequences.
    """
    if first.codes.shape != second.codes.shape or (first.codes != second.codes).any():
        raise MismatchError("attributions of different sequences", got=second.codes.shape, expected=first.codes.shape)
    left = first.scores - first.scores.mean(axis=1, keepdims=True, dtype=float)
    right = second.scores - second.scores.mean(axis=1, keepdims=True, dtype=float)
    size = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return np.where(size > 0, (left * right).sum(axis=1) / np.where(size > 0, size, 1), np.nan)


def completeness(attribution: Attribution, *, accepted: float = 0.01) -> dict[str, Any]:
    """Completeness error, relative to the summed attribution: median, 95th percentile, largest, and how many fail.

    `accepted` is relative to |sum of scores|, but not below 1e-4 in units of the output.
    """
    error = attribution.completeness_error
    if np.isnan(error).all():
        return {"defined": False}
    size = np.abs(attribution.scores.sum(axis=1, dtype=float))
    relative = error / np.maximum(size, 1e-6)
    failed = error > np.maximum(accepted * size, 1e-4)
    return {
        "defined": True,
        "median": float(np.median(error)),
        "p95": float(np.quantile(error, 0.95)) if np.isfinite(error).all() else float("inf"),
        "largest": float(error.max()),
        "median_relative": float(np.median(relative)),
        "n": len(error),
        "n_failed": int(failed.sum()),
        "accepted": accepted,
    }
