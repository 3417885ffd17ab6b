"""Compiled summaries of one window: how many distinct rows, their frequencies, LD, and how far rows differ."""

from __future__ import annotations

import numba
import numpy as np

from chiasma.stats.popgen.bits import count_differences, pack
from chiasma.stats.popgen.ld import ld_summaries

STRUCTURE = ("distinct", "h1", "h12", "h123", "h2_h1", "zns", "omega", "variance", "skew", "kurtosis", "r2_sum")
"""Columns of `window_structure`; r2_sum is that of all pairs of sites, so that other means can be made of it."""


@numba.njit(cache=True)
def differ(packed: np.ndarray, one: int, other: int) -> bool:
    """Whether two items differ anywhere that both are called; `packed` as `pack` makes it."""
    last = packed.shape[1] - 1
    for word in range(packed.shape[2]):
        unlike = np.uint64(0)
        for plane in range(last):
            unlike |= packed[one, plane, word] ^ packed[other, plane, word]
        if unlike & packed[one, last, word] & packed[other, last, word] != 0:
            return True
    return False


@numba.njit(cache=True)
def class_sizes(packed: np.ndarray) -> np.ndarray:
    """Items in each class of items alike, largest first (class,); `packed` as `pack` makes it.

    An item joins the first class whose first item it does not differ from where both are called.
    """
    n = packed.shape[0]
    first, size, n_classes = np.empty(n, np.int64), np.zeros(n, np.int64), 0
    for item in range(n):
        place = 0
        while place < n_classes and differ(packed, item, first[place]):
            place += 1
        if place == n_classes:
            first[n_classes] = item
            n_classes += 1
        size[place] += 1
    return np.sort(size[:n_classes])[::-1]


@numba.njit(cache=True)
def garud(sizes: np.ndarray) -> tuple[float, float, float, float]:
    """H1, H12, H123 and H2/H1 of class sizes, largest first (Garud et al. 2015)."""
    n = float(sizes.sum())
    total, rest = 0.0, 0.0
    for place in range(len(sizes)):
        square = (sizes[place] / n) ** 2
        total += square
        rest += square if place > 0 else 0.0
    h12, h123 = 0.0, 0.0
    top2, top3 = sizes[:2].sum() / n, sizes[:3].sum() / n
    for place in range(2, len(sizes)):
        square = (sizes[place] / n) ** 2
        h12 += square
        h123 += square if place > 2 else 0.0
    return total, h12 + top2**2, h123 + top3**2, rest / total


@numba.njit(cache=True)
def moments(differences: np.ndarray) -> tuple[float, float, float]:
    """Variance (over pairs - 1), skew and excess kurtosis of the differences of pairs; NaN where undefined."""
    n = differences.shape[0]
    pairs = n * (n - 1) // 2
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            total += differences[i, j]
    mean = total / pairs if pairs else np.nan
    m2, m3, m4 = 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = differences[i, j] - mean
            m2 += d * d
            m3 += d * d * d
            m4 += d * d * d * d
    if pairs < 2:
        return np.nan, np.nan, np.nan
    variance = m2 / (pairs - 1)
    if m2 == 0:
        return variance, np.nan, np.nan
    m2, m3, m4 = m2 / pairs, m3 / pairs, m4 / pairs
    return variance, m3 / m2**1.5, m4 / m2**2 - 3


@numba.njit(cache=True)
def window_structure(dosages: np.ndarray, bounds: np.ndarray, n_planes: int, least: int) -> np.ndarray:
    """STRUCTURE of each window (window, 11); NaN where undefined, so everywhere in a window without a site.

    Args:
        dosages: copies of allele 1, negative where missing, int8 (sample, site).
        bounds: first site of each window, then the number of sites (window + 1,).
        n_planes: largest dosage.
        least: sites on either side of a split of omega.
    """
    n_samples = dosages.shape[0]
    found = np.full((len(bounds) - 1, 11), np.nan)
    for window in range(len(bounds) - 1):
        low, high = bounds[window], bounds[window + 1]
        if high == low:
            continue
        part = dosages[:, low:high]
        rows = pack(part, n_planes)
        sizes = class_sizes(rows)
        found[window, 0] = len(sizes)
        found[window, 1:5] = garud(sizes)
        total, mean, most = ld_summaries(pack(part.T, n_planes), n_samples, least)
        found[window, 5], found[window, 6], found[window, 10] = mean, most, total
        found[window, 7:10] = moments(count_differences(rows))
    return found
