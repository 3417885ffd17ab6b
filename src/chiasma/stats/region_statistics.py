"""The statistics by which pg-gan's fits were judged, of encoded regions: six of each population, Fst of each pair."""

from __future__ import annotations

from itertools import combinations

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


def statistic_names(populations: int = 1) -> tuple[str, ...]:
    """Columns of `region_statistics`: NAMES, or of several populations pop0_minor_0 ... and fst_01 ..."""
    if populations == 1:
        return NAMES
    own = tuple(f"pop{number}_{name}" for number in range(populations) for name in NAMES)
    return own + tuple(f"fst_{first}{second}" for first, second in combinations(range(populations), 2))


def region_statistics(
    codes: np.ndarray, distances: np.ndarray, *, length: float, sizes: tuple[int, ...] = ()
) -> np.ndarray:
    """Statistics of each region (region, statistic), columns as in `statistic_names`; NaN where there is none.

    Of several populations, each has its own minor alleles; sites where a population does not vary count as minor_0.

    Args:
        codes: minor allele 1, major -1, padding 0, nothing missing, int8 (region, haplotype, site).
        distances: to the site before, as a fraction of `length` (region, site).
        length: bases.
        sizes: haplotypes of each population, in row order; empty: all are of one.
    """
    if len(sizes) < 2:
        return _of_population(codes, distances, length=length)
    blocks = np.split(codes, np.cumsum(sizes)[:-1], axis=1)
    own = []
    for block in blocks:
        more = (block == 1).sum(axis=1) * 2 > block.shape[1]
        own.append(_of_population(np.where(more[:, None], -block, block), distances, length=length))
    pairs = [_hudson_fst(first, second) for first, second in combinations(blocks, 2)]
    return np.column_stack([*own, *pairs])


def _hudson_fst(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Hudson's Fst of each region (region,): 1 - within / between, a ratio of sums over sites."""
    used = (first != 0).any(axis=1) | (second != 0).any(axis=1)
    p, q = ((block == 1).mean(axis=1) for block in (first, second))
    within = sum(
        share * (1 - share) * block.shape[1] / (block.shape[1] - 1) for share, block in ((p, first), (q, second))
    )
    between = (np.where(used, p * (1 - q) + q * (1 - p), 0)).sum(axis=1)
    top = np.where(used, within, 0).sum(axis=1)
    return np.divide(between - top, between, out=np.full(len(p), np.nan), where=between > 0)


def _of_population(codes: np.ndarray, distances: np.ndarray, *, length: float) -> np.ndarray:
    regions, n, _ = codes.shape
    used = (codes != 0).any(axis=1)
    ones = (codes == 1).sum(axis=1)
    sites = (used & (ones > 0) & (ones < n)).sum(axis=1)
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
