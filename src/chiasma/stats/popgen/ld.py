"""Linkage disequilibrium from packed bits: r and r2 of pairs of sites, Kelly's ZnS, Kim and Nielsen's omega.

Dosages are whole numbers from 0 to the ploidy; haplotypes are the case of ploidy 1. A pair of sites is compared over
the samples called at both. Its r is Pearson's correlation of dosages, which for haplotypes is the r of LD and for
unphased genotypes that of Rogers and Huff (2009).
"""

from __future__ import annotations

import numba
import numpy as np

from chiasma.stats.popgen.bits import pack, popcount


@numba.njit(cache=True)
def _sums(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum of dosages, of their squares, and samples called, at each site (site,)."""
    n_sites, n_rows, n_words = packed.shape
    first, second, called = np.zeros(n_sites), np.zeros(n_sites), np.zeros(n_sites)
    for site in range(n_sites):
        for word in range(n_words):
            for plane in range(n_rows - 1):
                bits = popcount(packed[site, plane, word])
                first[site] += bits
                second[site] += (2 * plane + 1) * bits
            called[site] += popcount(packed[site, n_rows - 1, word])
    return first, second, called


@numba.njit(cache=True)
def _pair_masked(a: np.ndarray, b: np.ndarray) -> float:
    """r of two sites (plane, word) over the samples called at both; NaN where one does not vary."""
    n_planes, n_words = a.shape[0] - 1, a.shape[1]
    n, sum_a, sum_b, square_a, square_b, product = 0, 0, 0, 0, 0, 0
    for word in range(n_words):
        both = a[n_planes, word] & b[n_planes, word]
        n += popcount(both)
        for plane in range(n_planes):
            bits_a = popcount(a[plane, word] & both)
            bits_b = popcount(b[plane, word] & both)
            sum_a += bits_a
            sum_b += bits_b
            square_a += (2 * plane + 1) * bits_a
            square_b += (2 * plane + 1) * bits_b
            for other in range(n_planes):
                product += popcount(a[plane, word] & b[other, word])
    below = float(n * square_a - sum_a * sum_a) * float(n * square_b - sum_b * sum_b)
    return float(n * product - sum_a * sum_b) / np.sqrt(below) if below > 0 else np.nan


@numba.njit(cache=True)
def _scales(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums of dosages, 1 / (n standard deviation) of a site, NaN where it does not vary; samples (-1: some miss)."""
    first, second, called = _sums(packed)
    n = called[0] if len(called) else 0.0
    scale = np.empty(len(first))
    for site in range(len(first)):
        if called[site] != called[0]:
            return first, scale, -1.0
        below = n * second[site] - first[site] ** 2
        scale[site] = 1 / np.sqrt(below) if below > 0 else np.nan
    return first, scale, n


@numba.njit(cache=True, inline="always")
def _product(packed: np.ndarray, i: int, j: int) -> int:
    """Sum of products of the dosages of two sites."""
    n_planes, n_words = packed.shape[1] - 1, packed.shape[2]
    total = 0
    if n_planes == 1:
        for word in range(n_words):
            total += popcount(packed[i, 0, word] & packed[j, 0, word])
        return total
    for word in range(n_words):
        for plane in range(n_planes):
            for other in range(n_planes):
                total += popcount(packed[i, plane, word] & packed[j, other, word])
    return total


@numba.njit(cache=True)
def _correlate(packed: np.ndarray, n_samples: int) -> np.ndarray:
    """r of every pair of sites (site, site)."""
    n_sites = packed.shape[0]
    first, scale, n = _scales(packed)
    found = np.empty((n_sites, n_sites))
    for i in range(n_sites):
        for j in range(i, n_sites):
            if n != n_samples:
                r = _pair_masked(packed[i], packed[j])
            else:
                r = (n * _product(packed, i, j) - first[i] * first[j]) * scale[i] * scale[j]
            found[i, j] = r
            found[j, i] = r
    return found


def correlation(dosages: np.ndarray) -> np.ndarray:
    """r of every pair of sites (site, site), NaN where one of the two does not vary.

    Args:
        dosages: copies of allele 1, negative where missing (sample, site); rows may be haplotypes.
    """
    values = np.ascontiguousarray(np.asarray(dosages).T.astype(np.int8))
    return _correlate(pack(values, max(1, int(values.max(initial=1)))), values.shape[1])


def r_squared(dosages: np.ndarray) -> np.ndarray:
    """Squared correlation of every pair of sites (site, site); NaN where a site does not vary."""
    return correlation(dosages) ** 2


def zns(r2: np.ndarray) -> float:
    """Kelly's ZnS: the mean r2 over pairs of sites (Kelly 1997); NaN without a pair that varies."""
    sums, counts = _marginals(np.ascontiguousarray(r2, np.float64))
    return sums[0].sum() / counts[0].sum() if counts[0].sum() else float("nan")


@numba.njit(cache=True)
def _marginals(r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums, and numbers, of r2 of each site with the sites before it and with those after it (2, site), twice."""
    n_sites = r2.shape[0]
    sums, counts = np.zeros((2, n_sites)), np.zeros((2, n_sites))
    for i in range(n_sites):
        for j in range(i + 1, n_sites):
            value = r2[i, j]
            if value >= 0:
                sums[0, j] += value
                sums[1, i] += value
                counts[0, j] += 1
                counts[1, i] += 1
    return sums, counts


@numba.njit(cache=True)
def _marginals_of_dosages(packed: np.ndarray, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """The same straight from packed sites, without a matrix."""
    n_sites, n_rows, n_words = packed.shape
    first, scale, n = _scales(packed)
    sums, counts = np.zeros((2, n_sites)), np.zeros((2, n_sites))
    two = n == n_samples and n_rows == 3 and n_words == 1
    for i in range(n_sites):
        total, number = 0.0, 0.0
        a, b = packed[i, 0, 0], packed[i, 1 if n_rows > 2 else 0, 0]
        for j in range(i + 1, n_sites):
            if two:
                # up to 64 diploids, the usual case, unrolled
                c, d = packed[j, 0, 0], packed[j, 1, 0]
                product = popcount(a & c) + popcount(a & d) + popcount(b & c) + popcount(b & d)
                r = (n * product - first[i] * first[j]) * scale[i] * scale[j]
            elif n == n_samples:
                r = (n * _product(packed, i, j) - first[i] * first[j]) * scale[i] * scale[j]
            else:
                r = _pair_masked(packed[i], packed[j])
            value = r * r
            if value >= 0:
                sums[0, j] += value
                counts[0, j] += 1
                total += value
                number += 1
        sums[1, i], counts[1, i] = total, number
    return sums, counts


@numba.njit(cache=True)
def _best_split(sums: np.ndarray, counts: np.ndarray, least: int) -> float:
    """omega from the marginals of r2: the pairs left of a split, right of it, and across are sums over them."""
    n_sites = sums.shape[1]
    total, count = sums[0].sum(), counts[0].sum()
    best = np.nan
    left, n_left, right, n_right = 0.0, 0.0, total, count
    for split in range(1, n_sites):
        left += sums[0, split - 1]
        n_left += counts[0, split - 1]
        right -= sums[1, split - 1]
        n_right -= counts[1, split - 1]
        if split < least or n_sites - split < least:
            continue
        across, n_across = total - left - right, count - n_left - n_right
        # rounding must not stand for linkage across the split
        if n_across > 0 and n_left + n_right > 0 and across > 1e-12 * total:
            value = (left + right) / (n_left + n_right) * n_across / across
            if not best >= value:
                best = value
    return best


@numba.njit(cache=True)
def ld_summaries(packed: np.ndarray, n_samples: int, least: int) -> tuple[float, float, float]:
    """Sum of r2 over pairs, ZnS and omega of packed sites (see `omega`), for the compiled grids."""
    sums, counts = _marginals_of_dosages(packed, n_samples)
    total, count = sums[0].sum(), counts[0].sum()
    return total, total / count if count > 0 else np.nan, _best_split(sums, counts, least)


def omega(r2: np.ndarray, *, least: int = 3) -> float:
    """Kim and Nielsen's omega (2004): mean r2 within the two sides of a split over that across it, at its maximum.

    Args:
        r2: squared correlations (site, site), NaN where undefined.
        least: sites on either side of a split; 3 in diploS/HIC.

    Returns:
        The maximum over splits, NaN where no split has linkage across it.
    """
    return _best_split(*_marginals(np.ascontiguousarray(r2, np.float64)), least)


def ld_decay(
    dosages: np.ndarray, positions: np.ndarray, edges: np.ndarray, *, least_frequency: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Mean r2 of the pairs of sites in each bin of distance, and how many pairs there are.

    Args:
        dosages: copies of allele 1, negative where missing (sample, site).
        positions: of each site, bases, sorted (site,).
        edges: of the bins, bases, increasing (bin + 1,); a pair at the upper edge is in the next bin.
        least_frequency: leave out sites whose rarer allele has a lower frequency.

    Returns:
        (bin,) NaN where there is no pair, and (bin,).
    """
    values = np.asarray(dosages)
    ploidy = max(1, int(values.max(initial=1)))
    called = (values >= 0).sum(axis=0)
    frequency = np.where(values > 0, values, 0).sum(axis=0) / np.maximum(called * ploidy, 1)
    use = np.minimum(frequency, 1 - frequency) >= least_frequency
    packed = pack(np.ascontiguousarray(values[:, use].T.astype(np.int8)), ploidy)
    places = np.ascontiguousarray(np.asarray(positions, np.float64)[use])
    total, count = _decay(packed, values.shape[0], places, np.asarray(edges, np.float64))
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0), count


@numba.njit(cache=True)
def _decay(packed: np.ndarray, n_samples: int, positions: np.ndarray, edges: np.ndarray) -> tuple:
    n_sites = packed.shape[0]
    first, scale, n = _scales(packed)
    total, count = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1, np.int64)
    for i in range(n_sites):
        bin_ = 0
        for j in range(i + 1, n_sites):
            distance = positions[j] - positions[i]
            if distance >= edges[-1]:
                break
            if distance < edges[0]:
                continue
            while distance >= edges[bin_ + 1]:
                bin_ += 1
            if n != n_samples:
                r = _pair_masked(packed[i], packed[j])
            else:
                r = (n * _product(packed, i, j) - first[i] * first[j]) * scale[i] * scale[j]
            if r * r >= 0:
                total[bin_] += r * r
                count[bin_] += 1
    return total, count
