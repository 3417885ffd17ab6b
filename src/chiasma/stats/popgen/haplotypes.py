"""Statistics of phased haplotypes: how many kinds and how common, and the allele frequencies that each carries.

HAF scores are those of Ronen et al. (2015); phi, kappa and SAFE those of Akbari et al. (2018). They need to know
which allele is derived.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.stats.popgen.bits import count_differences, pack
from chiasma.stats.popgen.windows import class_sizes, garud, moments


@dataclass(frozen=True)
class HaplotypeSummary:
    """Kinds of haplotypes: their number, H1, H12, H123 and H2/H1 (Garud et al. 2015), and gene diversity."""

    distinct: int
    h1: float
    h12: float
    h123: float
    h2_h1: float
    diversity: float


def _packed(rows: np.ndarray) -> np.ndarray:
    values = np.ascontiguousarray(rows, np.int8)
    return pack(values, int(values.max(initial=1)))


def haplotype_summary(rows: np.ndarray) -> HaplotypeSummary:
    """Summarise haplotypes, or rows of dosages as diplotypes (sample, site).

    A row with missing values joins the first kind that it does not differ from where both are called.
    """
    sizes = class_sizes(_packed(rows))
    h1, h12, h123, h2_h1 = garud(sizes)
    n = len(rows)
    return HaplotypeSummary(len(sizes), h1, h12, h123, h2_h1, (1 - h1) * n / (n - 1) if n > 1 else float("nan"))


def distance_moments(rows: np.ndarray) -> tuple[float, float, float]:
    """Variance, skew and excess kurtosis of the number of sites at which pairs of rows differ (sample, site).

    The variance is over pairs - 1; skew and kurtosis are not corrected for bias. NaN where all pairs are equally far.
    """
    return moments(count_differences(_packed(rows)))


def haf(alleles: np.ndarray) -> np.ndarray:
    """Sum over the derived alleles that each haplotype carries of their copies in the sample (haplotype,), int64."""
    derived = np.asarray(alleles) == 1
    return derived @ derived.sum(axis=0)


@dataclass(frozen=True, eq=False)
class SafeScores:
    """Scores of each site (site,): phi, kappa, the derived frequency, and safe = (phi - kappa) / sqrt(f (1 - f))."""

    phi: np.ndarray
    kappa: np.ndarray
    frequency: np.ndarray
    safe: np.ndarray


def safe_scores(alleles: np.ndarray) -> SafeScores:
    """phi, kappa and SAFE of each site.

    phi is the share of the sample's summed HAF that carriers of the derived allele have; kappa the share of the
    distinct HAF scores above 0 that occur among carriers. SAFE is 0 at sites that do not vary.

    Args:
        alleles: 0 ancestral, 1 derived, negative where missing, which counts as not carrying (haplotype, site).
    """
    derived = np.asarray(alleles) == 1
    scores = haf(alleles)
    total = scores.sum()
    phi = (scores @ derived) / total if total else np.zeros(derived.shape[1])
    order = np.argsort(scores, kind="stable")
    order = order[scores[order] > 0]
    starts = np.flatnonzero(np.diff(scores[order], prepend=-1))
    kappa = np.zeros(derived.shape[1])
    if len(starts):
        kappa = np.logical_or.reduceat(derived[order], starts, axis=0).sum(axis=0) / len(starts)
    called = (np.asarray(alleles) >= 0).sum(axis=0)
    frequency = derived.sum(axis=0) / np.maximum(called, 1)
    spread = np.sqrt(frequency * (1 - frequency))
    safe = np.divide(phi - kappa, spread, out=np.zeros(len(phi)), where=spread > 0)
    return SafeScores(phi, kappa, frequency, safe)
