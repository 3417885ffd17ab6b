"""A covariance drawn towards a multiple of the identity, never formed: features may outnumber samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ShrunkenCovariance:
    """(1 - shrinkage) S + shrinkage m I, with S = R'R / freedom and m its mean variance.

    Attributes:
        axes: orthonormal directions in which residuals lie (direction, feature).
        variances: of the shrunken covariance along them (direction,).
        floor: its variance in every other direction.
        shrinkage: between 0 and 1.
    """

    axes: np.ndarray
    variances: np.ndarray
    floor: float
    shrinkage: float

    def solve(self, rows: np.ndarray) -> np.ndarray:
        """Rows (row, feature) times the inverse covariance; directions without variance give nothing."""
        along = rows @ self.axes.T
        inside = (along * _inverse(self.variances)) @ self.axes
        if self.floor <= 0:
            return inside
        return inside + (rows - along @ self.axes) / self.floor


def shrink_covariance(residual: np.ndarray, freedom: int, shrinkage: float | None = None) -> ShrunkenCovariance:
    """The covariance of residuals about their means.

    Args:
        residual: (sample, feature).
        freedom: what their squares are divided by: samples less means.
        shrinkage: between 0 and 1; None is the estimate of Ledoit and Wolf.
    """
    share = ledoit_wolf_shrinkage(residual) if shrinkage is None else shrinkage
    _, lengths, axes = np.linalg.svd(residual, full_matrices=False)
    kept = lengths > max(residual.shape) * np.finfo(float).eps * lengths.max(initial=0.0)
    own = lengths[kept] ** 2 / max(freedom, 1)
    floor = share * own.sum() / residual.shape[1]
    return ShrunkenCovariance(axes[kept], (1 - share) * own + floor, float(floor), float(share))


def ledoit_wolf_shrinkage(residual: np.ndarray) -> float:
    """The share of the identity that minimises the expected squared error, from products of samples alone.

    Args:
        residual: centred (sample, feature).

    Source: Ledoit & Wolf 2004, lemma 3.2 to 3.4: with S = R'R / n and m = tr(S) / p, d^2 = |S - m I|^2 / p and
    b^2 = min(d^2, sum_i |r_i r_i' - S|^2 / (n^2 p)), the share is b^2 / d^2.
    """
    n, p = residual.shape
    gram = residual @ residual.T
    square = float((gram**2).sum()) / n**2  # |S|^2
    mean = float(np.trace(gram)) / n / p
    distance = square / p - mean**2
    noise = (float((np.diag(gram) ** 2).sum()) / n - square) / (n * p)
    if distance <= 0:
        return 1.0 if mean > 0 else 0.0
    return float(np.clip(noise / distance, 0.0, 1.0))


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
