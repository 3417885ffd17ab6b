"""Normalisation of counts of cells by features, as single-cell tools do it."""

from __future__ import annotations

import numpy as np

LIBRARY = 1e4
"""Counts to which every cell is brought before the logarithm."""
CLIP = 10.0
"""Largest standardised value kept (Seurat's ScaleData)."""


def log_normalise(counts: np.ndarray, *, total: np.ndarray | None = None) -> np.ndarray:
    """log(1 + 10,000 x counts / total of the cell) (cell, feature); a cell without counts is zeros.

    Args:
        counts: (cell, feature).
        total: of all features of each cell (cell,), where `counts` holds some features only.
    """
    size = counts.sum(axis=1) if total is None else total
    gain = np.divide(LIBRARY, size, out=np.zeros(len(counts)), where=size > 0)
    return np.log1p(counts * gain[:, None])


def centred_log_ratio(counts: np.ndarray) -> np.ndarray:
    """log(1 + counts / geometric mean of the cell) (cell, feature), zeros counted as in Seurat's margin 2."""
    return np.log1p(counts / np.exp(np.log1p(counts).mean(axis=1, keepdims=True)))


def tf_idf(counts: np.ndarray, *, document_share: np.ndarray) -> np.ndarray:
    """log(1 + 10,000 x tf x idf) (cell, feature) of accessibility counts (Signac's method 1).

    Args:
        counts: (cell, feature).
        document_share: cells divided by the total of each feature in the cells learnt from (feature,).
    """
    size = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, size, out=np.zeros_like(counts), where=size > 0)
    return np.log1p(share * document_share * LIBRARY)


def scale_features(values: np.ndarray, *, clip: float | None = CLIP) -> np.ndarray:
    """Standardised features (cell, feature), divided by n - 1, values above `clip` cut; constant features are zeros."""
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0) / max(len(values) - 1, 1))
    flat = spread <= 1e-13 * np.maximum(np.abs(values).max(axis=0, initial=0.0), 1e-300)
    scaled = centred * np.divide(1.0, spread, out=np.zeros_like(spread), where=~flat)
    return scaled if clip is None else np.minimum(scaled, clip)


def principal_components(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (cell, component) on the leading axes of centred values, and the axes (feature, component).

    The largest entry of each axis is positive. `count` is lowered to the rank there can be.
    """
    import scipy.sparse.linalg as sla

    centred = values - values.mean(axis=0)
    count = max(min(count, min(centred.shape) - (centred.shape[0] <= centred.shape[1]), centred.shape[1]), 1)
    if count < min(centred.shape) // 2:
        u, s, vt = sla.svds(centred, k=count, v0=np.ones(min(centred.shape)))
        order = np.argsort(-s)
        u, s, vt = u[:, order], s[order], vt[order]
    else:
        u, s, vt = np.linalg.svd(centred, full_matrices=False)
        u, s, vt = u[:, :count], s[:count], vt[:count]
    sign = np.where(vt[np.arange(count), np.abs(vt).argmax(axis=1)] < 0, -1.0, 1.0)
    return u * s * sign, vt.T * sign
