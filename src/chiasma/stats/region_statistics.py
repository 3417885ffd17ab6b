"""The six statistics by which pg-gan's fits were judged, of encoded regions: means over a batch."""

from __future__ import annotations

import numpy as np

CLASSES = 10
"""Minor counts 0 to 9 of the folded spectrum."""
LD_EDGES = np.linspace(0, 20_000, 16)
"""Bases: 15 bins of distance between sites."""
NAMES = (
    *(f"minor_{count}" for count in range(CLASSES)),
    "distance",
    *(f"r2_{int(low)}" for low in LD_EDGES[:-1]),
    "pi",
    "haplotypes",
    "tajima_d",
)
"""Columns: sites with that minor count; mean bases between sites; mean r2 in each bin; diversity; distinct
haplotypes; Tajima's D, all of the central sites."""


def region_statistics(codes: np.ndarray, distances: np.ndarray, *, length: float) -> np.ndarray:
    """Statistics of each region (region, statistic), columns as in NAMES; NaN where there is none.

    Args:
        codes: minor allele 1, major -1, padding 0, nothing missing, int8 (region, haplotype, site).
        distances: to the site before, as a fraction of `length` (region, site).
        length: bases.
    """
    regions, n, _ = codes.shape
    used = (codes != 0).any(axis=1)
    ones = (codes == 1).sum(axis=1)
    sites = used.sum(axis=1)
    spectrum = np.stack([((ones == count) & used).sum(axis=1) for count in range(CLASSES)], axis=1)
    inner = used.copy()
    inner[np.arange(regions), used.argmax(axis=1)] = False
    bases = distances * length
    between = np.where(inner, bases, 0).sum(axis=1) / np.maximum(inner.sum(axis=1), 1)
    pi = (2.0 * ones * (n - ones) * used).sum(axis=1) / (n * (n - 1))
    haplotypes = [len(np.unique(np.packbits(region > 0, axis=1), axis=0)) for region in codes]
    decay = _ld_decay((codes > 0).astype(np.float32), used, np.cumsum(np.where(inner, bases, 0), axis=1))
    return np.column_stack([spectrum, between, decay, pi, haplotypes, _tajima(pi, sites, n)])


def _ld_decay(minor: np.ndarray, used: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Mean r2 by distance (region, bin)."""
    centred = minor - minor.mean(axis=1, keepdims=True)
    covariance = centred.transpose(0, 2, 1) @ centred / minor.shape[1]
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    below = variance[:, :, None] * variance[:, None, :]
    first, second = np.triu_indices(minor.shape[2], 1)
    pairs = (used[:, first] & used[:, second]) & (below[:, first, second] > 0)
    top, bottom = covariance[:, first, second] ** 2, below[:, first, second]
    r2 = np.divide(top, bottom, out=np.zeros_like(top), where=pairs)
    bins = np.searchsorted(LD_EDGES, positions[:, second] - positions[:, first], side="right") - 1
    size = len(LD_EDGES) - 1
    keep = pairs & (bins < size)
    flat = (np.arange(len(minor))[:, None] * size + bins)[keep]
    counts = np.bincount(flat, minlength=len(minor) * size)
    totals = np.bincount(flat, weights=r2[keep], minlength=len(minor) * size)
    mean = np.divide(totals, counts, out=np.full(len(totals), np.nan), where=counts > 0)
    return mean.reshape(len(minor), size)


def _tajima(pi: np.ndarray, sites: np.ndarray, n: int) -> np.ndarray:
    """Tajima's D of each region (region,)."""
    i = np.arange(1, n)
    a1, a2 = (1 / i).sum(), (1 / i**2).sum()
    c1 = (n + 1) / (3 * (n - 1)) - 1 / a1
    c2 = 2 * (n**2 + n + 3) / (9 * n * (n - 1)) - (n + 2) / (a1 * n) + a2 / a1**2
    variance = c1 / a1 * sites + c2 / (a1**2 + a2) * sites * (sites - 1)
    top = pi - sites / a1
    return np.divide(top, np.sqrt(variance), out=np.full(len(pi), np.nan), where=variance > 0)
