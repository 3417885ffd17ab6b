"""Which genes vary more between cells than their mean lets expect (Seurat's vst; Stuart et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SPAN = 0.3
"""Share of the genes in each local fit (loess, second degree)."""
_KNOTS = 60
"""Places at which the local fit is made; between them it is interpolated."""


def standardised_variance(counts: np.ndarray) -> np.ndarray:
    """Variance of each gene's counts, standardised by what its mean lets expect (gene,); 0 where it does not vary.

    Args:
        counts: raw counts (cell, gene). Standardised values are cut at the square root of the number of cells.
    """
    mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
    varies = variance > 0
    found = np.zeros(counts.shape[1])
    if not varies.any():
        return found
    expected = 10.0 ** _loess(np.log10(mean[varies]), np.log10(variance[varies]))
    scaled = (counts[:, varies] - mean[varies]) / np.sqrt(expected)
    np.clip(scaled, None, np.sqrt(len(counts)), out=scaled)
    found[varies] = (scaled**2).sum(axis=0) / max(len(counts) - 1, 1)
    return found


def select_features(sets: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Genes that vary in most sets, then by their median rank among the variable ones (gene,), best first.

    Args:
        sets: raw counts over the same genes, one matrix a set (cell, gene).
        count: genes wanted of each set and of all together; genes that vary in no set are never taken.
    """
    n_genes = sets[0].shape[1]
    ranks = np.full((len(sets), n_genes), np.nan)
    for place, counts in enumerate(sets):
        strength = standardised_variance(counts)
        best = np.argsort(-strength, kind="stable")[:count]
        best = best[strength[best] > 0]
        ranks[place, best] = np.arange(len(best))
    times = (~np.isnan(ranks)).sum(axis=0)
    known = np.flatnonzero(times)
    middle = np.nanmedian(ranks[:, known], axis=0)
    order = np.lexsort((known, middle, -times[known]))
    return known[order][:count]


def _loess(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Local quadratic fit with tricube weights over the nearest 30 % of points, at each x."""
    span = max(int(np.ceil(SPAN * len(x))), min(len(x), 4))
    order = np.argsort(x, kind="stable")
    ordered, values = x[order], y[order]
    knots = np.unique(np.concatenate([np.quantile(ordered, np.linspace(0, 1, _KNOTS)), [ordered[0], ordered[-1]]]))
    fitted = np.array([_local(ordered, values, knot, span) for knot in knots])
    return np.interp(x, knots, fitted)


def _local(x: np.ndarray, y: np.ndarray, at: float, span: int) -> float:
    begin = int(np.clip(np.searchsorted(x, at) - span, 0, len(x) - span))
    window = slice(begin, min(begin + 2 * span, len(x)))
    distance = np.abs(x[window] - at)
    reach = np.partition(distance, span - 1)[span - 1]
    weight = np.clip(1 - (distance / max(reach, 1e-12)) ** 3, 0, None) ** 3
    weight[distance == 0] = 1.0
    root = np.sqrt(weight)
    design = np.vander(x[window] - at, 3, increasing=True)
    terms, *_ = np.linalg.lstsq(design * root[:, None], y[window] * root, rcond=None)
    return float(terms[0])
