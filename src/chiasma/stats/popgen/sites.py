"""Summary statistics of haplotype samples. Missing alleles are left out of a site's counts."""

from __future__ import annotations

from functools import cache

import numpy as np

from chiasma.stats.popgen.ld import r_squared, zns
from chiasma.stats.popgen.spectrum import tajimas_d_of


def allele_counts(alleles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Copies of allele 1, and alleles called, at each site (site,)."""
    # adding 32-bit numbers takes numpy two thirds of the time that 64-bit ones do
    ones, called = (np.add.reduce(kind, axis=0, dtype=np.int32) for kind in (alleles == 1, alleles >= 0))
    return ones.astype(np.int64), called.astype(np.int64)


def site_diversity(alleles: np.ndarray) -> np.ndarray:
    """Chance that two haplotypes differ at each site (site,): 2k(n-k) / n(n-1)."""
    return _diversity(*allele_counts(alleles))


def _diversity(ones: np.ndarray, called: np.ndarray) -> np.ndarray:
    pairs = called * (called - 1.0)
    return np.divide(2.0 * ones * (called - ones), pairs, out=np.zeros(len(pairs)), where=pairs > 0)


def pairwise_differences(alleles: np.ndarray) -> np.ndarray:
    """Sites at which each pair of haplotypes differs (pair,), pairs in the order of numpy.triu_indices."""
    one, zero = (alleles == 1).astype(np.float32), (alleles == 0).astype(np.float32)
    half = one @ zero.T
    return np.rint(half + half.T)[np.triu_indices(len(alleles), 1)].astype(np.float64)


def watterson_theta(n_sites: int, n_haplotypes: int) -> float:
    """Watterson's theta of the region: S / sum of 1/i."""
    return n_sites / float((1.0 / np.arange(1, n_haplotypes)).sum())


def tajimas_d(alleles: np.ndarray) -> float:
    """Tajima's D (Tajima 1989, eq. 38); NaN without segregating sites or below four haplotypes."""
    n = len(alleles)
    ones, called = allele_counts(alleles)
    s = int(((ones > 0) & (ones < called)).sum())
    if s == 0 or n < 4:
        return float("nan")
    return float(tajimas_d_of(_diversity(ones, called).sum(), np.array(s), n))


def haplotype_counts(alleles: np.ndarray) -> np.ndarray:
    """Copies of each distinct haplotype, most frequent first; missing counts as an allele of its own."""
    if not alleles.shape[1]:
        return np.array([len(alleles)])
    packed = np.ascontiguousarray(alleles).view(np.dtype((np.void, alleles.shape[1])))
    return np.sort(np.unique(packed, return_counts=True)[1])[::-1]


def r2_by_distance(r2: np.ndarray, positions: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean r2 of the pairs whose distance falls in each bin of `edges` (bin,); NaN where there is none."""
    first, second = np.triu_indices(len(r2), 1)
    values = r2[first, second]
    distance = positions[second] - positions[first]
    use = np.isfinite(values) & (distance >= edges[0]) & (distance < edges[-1])
    bins = np.searchsorted(edges, distance[use], side="right") - 1
    size = len(edges) - 1
    totals = np.bincount(bins, weights=values[use], minlength=size)
    counts = np.bincount(bins, minlength=size)
    return np.divide(totals, counts, out=np.full(size, np.nan), where=counts > 0)


def four_gametes(alleles: np.ndarray) -> np.ndarray:
    """Whether each pair of sites shows all four gametes (site, site)."""
    one, zero = (alleles == 1).astype(np.float32), (alleles == 0).astype(np.float32)
    mixed = one.T @ zero > 0
    return (one.T @ one > 0) & (zero.T @ zero > 0) & mixed & mixed.T


def minimum_recombinations(alleles: np.ndarray) -> int:
    """Hudson and Kaplan's Rmin (1985): the most disjoint intervals between sites with all four gametes."""
    incompatible = np.triu(four_gametes(alleles), 1)
    last = 0
    count = 0
    # the interval that ends first is taken; the next one may begin where it ended
    for right in range(1, len(incompatible)):
        if incompatible[last:right, right].any():
            count += 1
            last = right
    return count


def wall_b_q(alleles: np.ndarray) -> tuple[float, float]:
    """Wall's B and Q (1999): congruent adjacent pairs B'/(S-1), and (B' + distinct partitions A)/S."""
    s = alleles.shape[1]
    if s < 2:
        return float("nan"), float("nan")
    folded = np.where(alleles[:1] == 1, 1 - alleles, alleles)
    congruent = (folded[:, 1:] == folded[:, :-1]).all(axis=0)
    partitions = {folded[:, i].tobytes() for i in np.flatnonzero(congruent)}
    total = int(congruent.sum())
    return total / (s - 1), (total + len(partitions)) / s


def hudson_fst(first: np.ndarray, second: np.ndarray) -> float:
    """Hudson's Fst between two samples: 1 - within / between, ratio of sums (Bhatia et al. 2013)."""
    within = (site_diversity(first).sum() + site_diversity(second).sum()) / 2
    between = mean_differences_between(first, second)
    return float(1 - within / between) if between > 0 else float("nan")


def mean_differences_between(first: np.ndarray, second: np.ndarray) -> float:
    """Mean differences between a haplotype of one sample and one of the other (dxy of the region)."""
    (k1, n1), (k2, n2) = allele_counts(first), allele_counts(second)
    p, q = k1 / np.maximum(n1, 1), k2 / np.maximum(n2, 1)
    return float((p * (1 - q) + q * (1 - p)).sum())


@cache
def _pair_moments(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grid of rho, and the expected parts of the two moments below for n haplotypes."""
    rho = np.concatenate([[0.0], 10 ** np.linspace(-2, 5, 400)])
    pairs = n * (n - 1)
    same, share, apart = 2 / pairs, 4 * (n - 2) / pairs, (n - 2) * (n - 3) / pairs
    nodes, weights = np.polynomial.legendre.leggauss(200)
    # nodes crowd towards distance 0, where the covariances of long regions lie: u = v^4
    v = (nodes + 1) / 2
    u, weight = v**4, weights / 2 * 4 * v**3 * 2 * (1 - v**4)
    c = rho[:, None] * u
    below = c**2 + 13 * c + 18
    same_pair, one_shared, none_shared = ((top * weight / below).sum(axis=1) for top in (c + 18, 6 + 0 * c, 4 + 0 * c))
    mean_square = same * same_pair + share * one_shared + apart * none_shared
    return rho, same_pair - mean_square, mean_square


def hudson_rho(alleles: np.ndarray) -> float:
    """Recombination rate of the region, rho = 4Nr, from the variance of pairwise differences (Hudson 1987).

    Uses the mean k and variance V of differences over pairs of n haplotypes. With b = (n+1) / (3(n-1)),
    E[V] = theta (1-b) + theta^2 G(rho) and E[k^2] = theta b + theta^2 (1 + M(rho)), where G and M average the
    covariances of coalescence times, (c+18, 6, 4) / (c^2+13c+18) for pairs that share two, one, no haplotypes,
    over the distances in the region; rho solves the ratio of the two. NaN where the data allow no estimate.

    Returns:
        rho, 0 where V is larger than without recombination, inf where it is smaller than with free recombination.
    """
    n = len(alleles)
    if n < 4:
        return float("nan")
    k = pairwise_differences(alleles)
    mean, variance = float(k.mean()), float(k.var())
    b = (n + 1) / (3 * (n - 1))
    below = mean**2 - b * mean
    if below <= 0:
        return float("nan")
    ratio = (variance - (1 - b) * mean) / below
    rho, spread, mean_square = _pair_moments(n)
    expected = spread / (1 + mean_square)
    if ratio <= expected[-1]:
        return float("inf")
    if ratio >= expected[0]:
        return 0.0
    return float(np.interp(-ratio, -expected, rho))


STATISTICS = (
    "sites",
    "pi",
    "watterson",
    "tajima_d",
    "haplotypes",
    "h1",
    "h12",
    "singletons",
    "zns",
    "r2_near",
    "r2_middle",
    "r2_far",
    "r_min",
    "incompatible",
    "wall_b",
    "wall_q",
    "difference_variance",
    "log_hudson_rho",
)
"""Names of the columns of `summarise`."""


def summarise(alleles: np.ndarray, positions: np.ndarray, length: float) -> np.ndarray:
    """All STATISTICS of one region (statistic,); NaN where one is not defined.

    Args:
        alleles: (haplotype, site), segregating or not; sites with missing alleles are left out.
        positions: bases from the start of the region (site,).
        length: bases in the region.
    """
    ones, called = allele_counts(alleles)
    use = (ones > 0) & (ones < called) & (called == len(alleles))
    alleles, positions, ones = alleles[:, use], positions[use], ones[use]
    n, s = alleles.shape
    frequencies = haplotype_counts(alleles) / n
    # singletons say little of linkage and are many: LD is over sites with two copies or more, as is usual
    common = np.minimum(ones, n - ones) > 1
    linked = alleles[:, common]
    r2 = r_squared(linked)
    distances = r2_by_distance(r2, positions[common], length * np.array([0.0, 0.05, 0.25, 1.0]))
    pairs = linked.shape[1] * (linked.shape[1] - 1) / 2
    gametes = four_gametes(alleles[:, common])
    wall = wall_b_q(alleles)
    rho = hudson_rho(alleles)
    top = np.sum(frequencies[:2])
    return np.array(
        [
            s,
            site_diversity(alleles).sum(),
            watterson_theta(s, n),
            tajimas_d(alleles),
            len(frequencies),
            (frequencies**2).sum(),
            top**2 + (frequencies[2:] ** 2).sum(),
            int((np.minimum(ones, n - ones) == 1).sum()),
            zns(r2),
            *distances,
            minimum_recombinations(alleles[:, common]),
            np.triu(gametes, 1).sum() / pairs if pairs else np.nan,
            *wall,
            pairwise_differences(alleles).var() if s else np.nan,
            np.log(np.clip(rho, 1e-2, 1e5)),
        ]
    )
