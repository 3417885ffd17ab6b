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
    from scipy.linalg import eigh

    centred = values - values.mean(axis=0)
    n_cells, n_features = centred.shape
    count = max(min(count, n_cells - 1, n_features), 1)
    # By products of the smaller side: the leading components lose nothing by the squaring.
    tall = n_cells > n_features
    gram = centred.T @ centred if tall else centred @ centred.T
    size = len(gram)
    squares, found = eigh(gram, subset_by_index=[size - count, size - 1])
    squares, found = np.maximum(squares[::-1], 0.0), found[:, ::-1]
    if tall:
        axes = found
    else:
        length = np.sqrt(squares)
        real = length > 1e-8 * max(length[0], 1e-300)
        axes = (centred.T @ found) * np.divide(1.0, length, out=np.zeros_like(length), where=real)
    sign = np.where(axes[np.abs(axes).argmax(axis=0), np.arange(count)] < 0, -1.0, 1.0)
    axes = axes * sign
    return centred @ axes, axes
