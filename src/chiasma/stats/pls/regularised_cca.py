"""Canonical correlation of two views with a ridge or with shrunken correlations, in the smaller of the two dimensions.

Gonzalez et al. 2008 (doi 10.18637/jss.v023.i12) for the ridge; Schaefer & Strimmer 2005 (doi 10.2202/1544-6115.1175)
for the shrinkage, which for the pair of views shrinks their cross-correlations by the geometric mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import svd

_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class CanonicalPair:
    """Canonical correlations (component,) under the penalty, and weights of the centred features by view.

    Attributes:
        correlations: the largest first.
        weights: (feature, component) of each view; variates have unit penalised variance.
    """

    correlations: np.ndarray
    weights: tuple[np.ndarray, np.ndarray]


def shrinkage_intensity(values: np.ndarray) -> float:
    """How far the correlations of (sample, feature) are best drawn to 0: their sampling variance over their squares.

    Features that do not vary have no say. Source: Schaefer & Strimmer 2005, eq. 10.
    """
    n = len(values)
    centred = values - values.mean(axis=0)
    sd = np.sqrt((centred**2).sum(axis=0) / (n - 1))
    scaled = centred[:, sd > 0] / sd[sd > 0]
    p = scaled.shape[1]
    # Sums over all pairs of features without the (feature, feature) matrices, where features outnumber samples.
    gram = scaled @ scaled.T if p > n else scaled.T @ scaled
    of_products = float((gram**2).sum())
    of_squares = float(((scaled**2).sum(axis=1) ** 2).sum())
    fourth = (scaled**4).sum(axis=0)
    variance = n / (n - 1) ** 3 * (of_squares - of_products / n)
    variance -= n / (n - 1) ** 3 * float((fourth - (n - 1) ** 2 / n).sum())  # a feature with itself
    squared = of_products / (n - 1) ** 2 - p
    return float(np.clip(variance / squared, 0.0, 1.0)) if squared > 0 else 1.0


def regularised_cca(
    x: np.ndarray,
    y: np.ndarray,
    n_components: int,
    *,
    penalties: tuple[float, float],
    kind: Literal["ridge", "shrinkage"],
) -> CanonicalPair:
    """Canonical pairs of two centred views (sample, feature).

    Args:
        x: first view.
        y: second view.
        n_components: pairs wanted; at most the rank of either view.
        penalties: `ridge`: added to the variances of the features; `shrinkage`: share of 0 in the correlations.
        kind: which of both.
    """
    n = len(x)
    (from_x, z_x), (from_y, z_y) = (_whitened(block, penalty, kind) for block, penalty in zip((x, y), penalties))
    cross = z_x.T @ z_y / (n - 1)
    if kind == "shrinkage":
        cross *= np.sqrt((1 - penalties[0]) * (1 - penalties[1]))
    left, correlations, right = svd(cross, full_matrices=False, check_finite=False)
    most = min(n_components, len(correlations))
    top = left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])]
    signs = np.where(top < 0, -1.0, 1.0)[:most]
    weights = from_x @ left[:, :most] * signs, from_y @ right[:most].T * signs
    return CanonicalPair(correlations[:most], weights)


def _whitened(block: np.ndarray, penalty: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Map from features to directions of unit penalised variance (feature, direction), and the samples on them."""
    n = len(block)
    gain = np.ones(block.shape[1])
    if kind == "shrinkage":
        sd = np.sqrt((block**2).sum(axis=0) / (n - 1))
        gain = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    _, sizes, right = svd(block * gain, full_matrices=False, check_finite=False)
    kept = sizes > _RANK * sizes.max(initial=0.0)
    sizes, right = sizes[kept], right[kept]
    variance = sizes**2 / (n - 1)
    penalised = variance + penalty if kind == "ridge" else (1 - penalty) * variance + penalty
    directions = gain[:, None] * right.T / np.sqrt(penalised)
    return directions, block @ directions
