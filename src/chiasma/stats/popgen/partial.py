"""The grid of partialS/HIC (Xue et al. 2021): 17 statistics and 12 summaries of each of six distributions, by window.

The published 92 rows had three of nSL that its authors left out; the 89 are here. Variance and deviation are those of
the values themselves (divided by their number), skew and kurtosis likewise, as the published code has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.data.accessibility import Accessibility
from chiasma.data.haplotypes import Haplotypes
from chiasma.stats.popgen.grid import HAPLOID, StatisticGrid, haploid_grid, used_sites
from chiasma.stats.popgen.haplotypes import haf, safe_scores
from chiasma.stats.popgen.scan import ihs

SCALARS = (
    *(name for name in HAPLOID if name != "max_derived_frequency" and not name.startswith("distance")),
    "ihs_mean",
    "ihs_max",
    "ihs_outliers",
    *(name for name in HAPLOID if name.startswith("distance")),
)
DISTRIBUTIONS = ("haf", "haf_distinct", "phi", "kappa", "frequency", "safe")
SUMMARIES = (
    "mean",
    "median",
    "mode",
    "q2.5",
    "q25",
    "q75",
    "q97.5",
    "max",
    "variance",
    "deviation",
    "skew",
    "kurtosis",
)
PARTIAL = (*SCALARS, *(f"{name}_{summary}" for name in DISTRIBUTIONS for summary in SUMMARIES))
"""Rows of the grid, in the order of partialS/HIC's columns."""

_OUTLIER = 2.0
"""Absolute standardised iHS above which a site is an outlier."""
_MODE_BINS = 50


@dataclass(frozen=True, eq=False)
class IhsStandard:
    """Mean and deviation of iHS among neutral sites of like derived frequency.

    Attributes:
        edges: lower edges of the bins of frequency, increasing (bin,); lower frequencies join the first.
        mean: of the neutral scores in each bin (bin,).
        deviation: likewise (bin,).
    """

    edges: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, scores: np.ndarray, frequencies: np.ndarray, *, bins: int = 50) -> Self:
        """Learn from neutral scores, in bins of about as many sites each; as many as the frequencies allow.

        Raises:
            InsufficientDataError: fewer than two finite scores to a bin.
        """
        known = np.isfinite(scores)
        scores, frequencies = np.asarray(scores)[known], np.asarray(frequencies)[known]
        if len(scores) < 2 * bins:
            raise InsufficientDataError(
                "too few neutral scores to standardise iHS",
                got=len(scores),
                expected=f"{2 * bins} or more, two to a bin",
                do="simulate more neutral replicates, or take fewer bins",
            )
        ordered = np.sort(frequencies)
        edges = np.unique(ordered[np.arange(bins) * len(ordered) // bins])
        group = np.searchsorted(edges, frequencies, side="right") - 1
        size = np.bincount(group, minlength=len(edges))
        mean = np.bincount(group, scores, len(edges)) / size
        square = np.bincount(group, (scores - mean[group]) ** 2, len(edges)) / size
        return cls(edges, mean, np.sqrt(square))

    def apply(self, scores: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """Standardised scores (site,); NaN where a score, or the spread of its bin, is not defined."""
        group = np.maximum(np.searchsorted(self.edges, frequencies, side="right") - 1, 0)
        spread = self.deviation[group]
        return np.divide(scores - self.mean[group], spread, out=np.full(len(group), np.nan), where=spread > 0)


def neutral_scores(haplotypes: Haplotypes) -> tuple[np.ndarray, np.ndarray]:
    """iHS, not standardised, and derived frequency of the sites of a neutral replicate, to fit `IhsStandard` on."""
    use = used_sites(haplotypes, None)
    alleles = haplotypes.alleles[:, use]
    return _finite(ihs(alleles, haplotypes.positions[use])), alleles.mean(axis=0)


@dataclass(frozen=True, eq=False)
class SiteScores:
    """iHS of the sites of a region that have one, not standardised.

    Attributes:
        scores: finite (site,).
        frequency: of the derived allele (site,).
        bounds: the sites of window w are those from bounds[w] to bounds[w + 1] (window + 1,).
    """

    scores: np.ndarray
    frequency: np.ndarray
    bounds: np.ndarray


def partial_grid(
    haplotypes: Haplotypes,
    *,
    standard: IhsStandard,
    windows: int = 11,
    accessible: Accessibility | None = None,
) -> StatisticGrid:
    """Statistics of phased, polarised haplotypes (89, window).

    Args:
        haplotypes: the region, no alleles missing.
        standard: of iHS, fitted on neutral simulations.
        windows: equal parts of the region.
        accessible: bases that can be called; sites elsewhere are left out.

    Raises:
        InputError: phase or ancestral alleles are not known, or alleles are missing.
        InsufficientDataError: no accessible base.
    """
    grid, scores = partial_rows(haplotypes, windows=windows, accessible=accessible)
    return replace(grid, values=with_ihs(grid.values, scores, standard))


def partial_rows(
    haplotypes: Haplotypes, *, windows: int = 11, accessible: Accessibility | None = None
) -> tuple[StatisticGrid, SiteScores]:
    """The grid of `partial_grid` with 0 in the rows of iHS, and what `with_ihs` fills them from.

    A simulation is summarised once, before it is known by which neutral ones iHS is standardised.
    """
    base = haploid_grid(haplotypes, windows=windows, accessible=accessible)
    rows = dict(zip(base.names, base.values, strict=True))
    use = used_sites(haplotypes, accessible)
    alleles, positions = np.ascontiguousarray(haplotypes.alleles[:, use]), haplotypes.positions[use]
    frequency = alleles.mean(axis=0)
    scores = ihs(alleles, positions)
    bounds = np.searchsorted(positions, base.edges)
    rows |= {name: np.zeros(windows) for name in PARTIAL if name not in rows}
    for window in range(windows):
        part = slice(bounds[window], bounds[window + 1])
        for name, value in _window(alleles[:, part], frequency[part]).items():
            rows[name][window] = value
    known = np.isfinite(scores)
    inner = np.concatenate([[0], np.cumsum(known)])[bounds]
    values = np.stack([rows[name] for name in PARTIAL])
    grid = StatisticGrid(PARTIAL, values, base.sites, base.accessible, base.edges)
    return grid, SiteScores(scores[known], frequency[known], inner)


def with_ihs(values: np.ndarray, scores: SiteScores, standard: IhsStandard) -> np.ndarray:
    """The grid (statistic, window) with its rows of iHS; 0 where no site of a window has a score."""
    values = values.copy()
    first = PARTIAL.index("ihs_mean")
    sizes = np.abs(standard.apply(scores.scores, scores.frequency))
    for window, (begin, end) in enumerate(zip(scores.bounds, scores.bounds[1:])):
        known = sizes[begin:end][np.isfinite(sizes[begin:end])]
        if len(known):
            values[first : first + 3, window] = known.mean(), known.max(), (known > _OUTLIER).mean()
    return values


def _finite(scores: np.ndarray) -> np.ndarray:
    """Scores with NaN for the infinite ones, of sites where one allele has no homozygosity at all."""
    return np.where(np.isfinite(scores), scores, np.nan)


def _window(alleles: np.ndarray, frequency: np.ndarray) -> dict[str, float]:
    """What one window adds to the haploid statistics but for iHS; nothing (so zeros) where it has no site."""
    if not alleles.shape[1]:
        return {}
    found = {}
    each = haf(alleles)
    kinds = np.unique(alleles, axis=0)
    safe = safe_scores(alleles)
    values = (each, kinds @ alleles.sum(axis=0, dtype=np.int64), safe.phi, safe.kappa, frequency, safe.safe)
    for name, sample in zip(DISTRIBUTIONS, values, strict=True):
        for summary, value in zip(SUMMARIES, summarise_distribution(sample), strict=True):
            found[f"{name}_{summary}"] = value
    return found


def summarise_distribution(values: np.ndarray) -> np.ndarray:
    """The twelve SUMMARIES of a sample (summary,); skew and kurtosis NaN where all values are equal."""
    values = np.asarray(values, np.float64)
    centred = values - values.mean()
    variance = float((centred**2).mean())
    skew = kurtosis = float("nan")
    # rounding of equal values must not become a shape
    if variance > 1e-24 * max(1.0, float(np.abs(values).max())) ** 2:
        skew = float((centred**3).mean()) / variance**1.5
        kurtosis = float((centred**4).mean()) / variance**2 - 3
    low, near, median, far, high = np.percentile(values, [2.5, 25, 50, 75, 97.5])
    mode = _mode(values)
    return np.array(
        [values.mean(), median, mode, low, near, far, high, values.max(), variance, variance**0.5, skew, kurtosis]
    )


def _mode(values: np.ndarray) -> float:
    """The commonest value; where several are, the middle of the fullest of 50 bins, of equals the last."""
    kinds, counts = np.unique(values, return_counts=True)
    best = counts == counts.max()
    if best.sum() == 1:
        return float(kinds[best][0])
    counts, edges = np.histogram(values, bins=_MODE_BINS)
    place = _MODE_BINS - 1 - int(np.argmax(counts[::-1]))
    return float(edges[place] + edges[place + 1]) / 2
