"""The site frequency spectrum, the estimators of theta that are sums over it, and the tests that compare them."""

from __future__ import annotations

from functools import cache

import numpy as np

from chiasma.core.errors import InputError


def site_frequency_spectrum(alleles: np.ndarray, *, folded: bool = False) -> np.ndarray:
    """Sites with 0, 1, ... n copies of allele 1, or, folded, with 0 ... n // 2 copies of the rarer allele.

    Sites with a missing allele are left out: their sample is smaller. int64 (copies + 1,).

    Args:
        alleles: 0, 1, negative where missing (haplotype, site).
        folded: for alleles that are not polarised.
    """
    n = len(alleles)
    whole = np.asarray(alleles)[:, (np.asarray(alleles) >= 0).all(axis=0)]
    counts = np.bincount(whole.sum(axis=0, dtype=np.int64), minlength=n + 1)
    return fold(counts) if folded else counts


def fold(spectrum: np.ndarray) -> np.ndarray:
    """An unfolded spectrum (n + 1,) by copies of the rarer allele (n // 2 + 1,)."""
    n = len(spectrum) - 1
    folded = spectrum + spectrum[::-1]
    if n % 2 == 0:
        folded[n // 2] = spectrum[n // 2]
    return folded[: n // 2 + 1]


def joint_spectrum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sites by copies of allele 1 in two samples, int64 (n1 + 1, n2 + 1); sites with missing alleles are left out."""
    if first.shape[1] != second.shape[1]:
        raise InputError("two samples of different sites", got=second.shape[1], expected=first.shape[1])
    whole = (first >= 0).all(axis=0) & (second >= 0).all(axis=0)
    width = len(second) + 1
    cells = first[:, whole].sum(axis=0, dtype=np.int64) * width + second[:, whole].sum(axis=0, dtype=np.int64)
    return np.bincount(cells, minlength=(len(first) + 1) * width).reshape(-1, width)


def theta_weights(n: int) -> dict[str, np.ndarray]:
    """Weight of a site with i = 1 .. n-1 derived copies in each estimator of theta (i,).

    pi (Tajima 1983), watterson (1975), h (Fay and Wu 2000), l (Zeng et al. 2006).
    """
    i = np.arange(1, n)
    pairs = n * (n - 1) / 2
    return {
        "pi": i * (n - i) / pairs,
        "watterson": np.full(n - 1, 1 / (1 / i).sum()),
        "h": i**2 / pairs,
        "l": i / (n - 1),
    }


def thetas(spectrum: np.ndarray) -> dict[str, float]:
    """The four estimates of theta of a region, not per base, from its unfolded spectrum (n + 1,)."""
    segregating = spectrum[1:-1]
    return {name: float(weight @ segregating) for name, weight in theta_weights(len(spectrum) - 1).items()}


@cache
def _constants(n: int) -> tuple[float, float, float]:
    """a_n, b_n and b_{n+1}: sums of 1/i up to n-1, and of 1/i^2 up to n-1 and n."""
    i = np.arange(1, n)
    squares = float((1 / i**2).sum())
    return float((1 / i).sum()), squares, squares + 1 / n**2


def tajimas_d_of(pi: np.ndarray, sites: np.ndarray, n: int) -> np.ndarray:
    """Tajima's D from pi (not per base) and segregating sites, of n haplotypes (Tajima 1989, eq. 38); else NaN."""
    a1, a2, _ = _constants(n)
    b1, b2 = (n + 1) / (3 * (n - 1)), 2 * (n**2 + n + 3) / (9 * n * (n - 1))
    c1 = b1 - 1 / a1
    c2 = b2 - (n + 2) / (a1 * n) + a2 / a1**2
    pi, sites = np.asarray(pi, np.float64), np.asarray(sites, np.float64)
    variance = c1 / a1 * sites + c2 / (a1**2 + a2) * sites * (sites - 1)
    return np.divide(pi - sites / a1, np.sqrt(variance), out=np.full(pi.shape, np.nan), where=variance > 0)


def fay_wu_h(spectrum: np.ndarray) -> float:
    """Fay and Wu's H (2000), pi - theta_H, of an unfolded spectrum (n + 1,); 0 without segregating sites."""
    theta = thetas(spectrum)
    return theta["pi"] - theta["h"]


def normalised_h(spectrum: np.ndarray) -> float:
    """Fay and Wu's H over its standard deviation (Zeng et al. 2006, eq. 11-12); NaN where that is 0."""
    n = len(spectrum) - 1
    sites = float(spectrum[1:-1].sum())
    a1, a2, b = _constants(n)
    theta, square = sites / a1, sites * (sites - 1) / (a1**2 + a2)
    linear = (n - 2) / (6 * (n - 1))
    quadratic = (18 * n**2 * (3 * n + 2) * b - (88 * n**3 + 9 * n**2 - 13 * n + 6)) / (9 * n * (n - 1) ** 2)
    variance = linear * theta + quadratic * square
    estimates = thetas(spectrum)
    return (estimates["pi"] - estimates["l"]) / variance**0.5 if variance > 0 else float("nan")
