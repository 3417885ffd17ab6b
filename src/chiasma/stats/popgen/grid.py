"""Grids of statistics by window, as the S/HIC family reads them: diploid genotypes or haplotypes.

The statistics of diploid genotypes are those of diploS/HIC (Kern and Schrider 2018), in its order; those of haplotypes
are the fifteen of its haploid mode. Per base: pi, theta_w, theta_h, and the variance of pairwise differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.accessibility import Accessibility
from chiasma.data.haplotypes import Haplotypes
from chiasma.stats.popgen.spectrum import tajimas_d_of
from chiasma.stats.popgen.windows import STRUCTURE, window_structure

DIPLOID = (
    "pi",
    "theta_w",
    "tajima_d",
    "distance_variance",
    "distance_skew",
    "distance_kurtosis",
    "diplotypes",
    "diplotype_h1",
    "diplotype_h12",
    "diplotype_h2_h1",
    "diplotype_zns",
    "diplotype_omega",
)
"""Rows of the grid of unphased genotypes, in the order of diploS/HIC's columns."""

HAPLOID = (
    "pi",
    "theta_w",
    "tajima_d",
    "theta_h",
    "fay_wu_h",
    "max_derived_frequency",
    "haplotypes",
    "h1",
    "h12",
    "h2_h1",
    "zns",
    "omega",
    "distance_variance",
    "distance_skew",
    "distance_kurtosis",
)
"""Rows of the grid of phased haplotypes, in the order of diploS/HIC's haploid mode; fay_wu_h is theta_h - pi."""

_POLARISED = ("theta_h", "fay_wu_h", "max_derived_frequency")
_LEAST_SITES_ASIDE = 3
"""Sites on either side of a split of omega, as in diploS/HIC."""
_LEAST_TAJIMA = 3
"""Segregating sites below which Tajima's D is not given, as in scikit-allel."""


@dataclass(frozen=True, eq=False)
class StatisticGrid:
    """Statistics in consecutive windows of one region.

    Attributes:
        names: of the rows.
        values: (statistic, window); NaN where one is not defined.
        sites: segregating sites used in each window (window,).
        accessible: share of each window's bases that can be called (window,).
        edges: bounds of the windows, bases (window + 1,).
    """

    names: tuple[str, ...]
    values: np.ndarray
    sites: np.ndarray
    accessible: np.ndarray
    edges: np.ndarray

    def normalised(self) -> np.ndarray:
        """The grid as classifiers of the S/HIC family read it (statistic, window); see `normalise`."""
        return normalise(self.values)

    def sliding(self, width: int = 11) -> np.ndarray:
        """Every run of so many neighbouring windows, normalised by itself (run, statistic, width).

        For scans of long regions: each window is summarised once. The i-th run is called for window i + width // 2.

        Raises:
            InsufficientDataError: the region has fewer windows.
        """
        if self.values.shape[1] < width:
            raise InsufficientDataError(
                "the region is shorter than one run of windows", got=self.values.shape[1], expected=f"{width} or more"
            )
        return normalise(np.lib.stride_tricks.sliding_window_view(self.values, width, axis=1).swapaxes(0, 1))


def normalise(values: np.ndarray) -> np.ndarray:
    """Each statistic as shares over the windows (..., statistic, window).

    A row with a negative value is shifted to begin at 0; then a row is divided by its sum. A row that is 0 throughout,
    or in which any window has no finite value, becomes equal shares.
    """
    values = np.asarray(values, np.float64)
    flat = ~np.isfinite(values).all(axis=-1, keepdims=True)
    shifted = np.where(flat, 0.0, values)
    shifted = shifted - np.minimum(shifted.min(axis=-1, keepdims=True), 0.0)
    total = shifted.sum(axis=-1, keepdims=True)
    return np.where(total > 0, shifted / np.where(total > 0, total, 1.0), 1.0 / values.shape[-1])


def diploid_grid(
    haplotypes: Haplotypes,
    *,
    windows: int = 11,
    accessible: Accessibility | None = None,
    zns: Literal["pairs", "matrix"] = "pairs",
) -> StatisticGrid:
    """Statistics of unphased diploid genotypes (12, window).

    Rows of ploidy 2 are paired by sample; haploid rows (simulators) are paired in order, an odd last one left out.

    Args:
        haplotypes: the region.
        windows: equal parts of the region.
        accessible: bases that can be called; sites elsewhere are left out.
        zns: mean r2 over pairs of sites that vary, or over all of the matrix with a diagonal of zeros, as diploSHIC
            1.1 takes it for simulations (there sites that do not vary count as 0 too).

    Raises:
        InputError: neither haploid nor diploid, or fewer than two individuals.
        InsufficientDataError: no accessible base.
    """
    rows = haplotypes.alleles
    if haplotypes.ploidy == 1:
        rows = rows[: len(rows) // 2 * 2]
    elif haplotypes.ploidy != 2:
        raise InputError("diploid statistics need diploid genotypes", got=f"ploidy {haplotypes.ploidy}", expected=2)
    use, edges, bases = _windows(haplotypes, windows, accessible)
    alleles = np.ascontiguousarray(rows[:, use])
    first, second = alleles[::2], alleles[1::2]
    dosages = np.where((first < 0) | (second < 0), -1, first + second).astype(np.int8)
    bounds = np.searchsorted(haplotypes.positions[use], edges)
    frequency, sites, _ = _frequencies(alleles, bounds, bases)
    structure = _structure(dosages, bounds, 2)
    mean_r2 = structure["zns"]
    if zns == "matrix":
        n = np.diff(bounds)
        mean_r2 = np.where(n > 1, 2 * structure["r2_sum"] / np.maximum(n, 1) ** 2, 0.0)
    table = {
        **frequency,
        **_distances(structure, bases),
        "diplotypes": structure["distinct"],
        "diplotype_h1": structure["h1"],
        "diplotype_h12": structure["h12"],
        "diplotype_h2_h1": structure["h2_h1"],
        "diplotype_zns": mean_r2,
        "diplotype_omega": structure["omega"],
    }
    return _grid(DIPLOID, table, sites, bases, edges)


def haploid_grid(
    haplotypes: Haplotypes, *, windows: int = 11, accessible: Accessibility | None = None
) -> StatisticGrid:
    """Statistics of phased, polarised haplotypes (15, window).

    Args:
        haplotypes: the region; allele 1 is the derived one.
        windows: equal parts of the region.
        accessible: bases that can be called; sites elsewhere are left out.

    Raises:
        InputError: the phase or the ancestral alleles are not known. InsufficientDataError: no accessible base.
    """
    require_polarised(haplotypes, _POLARISED)
    if not haplotypes.phased:
        raise InputError(
            "haplotype statistics need phased genotypes",
            got="heterozygous genotypes without phase",
            do="phase the genotypes, or take the statistics of diploid genotypes",
        )
    use, edges, bases = _windows(haplotypes, windows, accessible)
    alleles = np.ascontiguousarray(haplotypes.alleles[:, use])
    bounds = np.searchsorted(haplotypes.positions[use], edges)
    frequency, sites, derived = _frequencies(alleles, bounds, bases)
    structure = _structure(alleles, bounds, 1)
    rows = {
        **frequency,
        **derived,
        **_distances(structure, bases),
        "haplotypes": structure["distinct"],
        **{name: structure[name] for name in ("h1", "h12", "h2_h1", "zns", "omega")},
    }
    return _grid(HAPLOID, rows, sites, bases, edges)


def require_polarised(haplotypes: Haplotypes, names: tuple[str, ...]) -> None:
    """Raise InputError where it is not known which allele is derived; `names` are the statistics that need it."""
    if not haplotypes.polarised:
        raise InputError(
            "the derived allele is not known",
            where=f"contig {haplotypes.contig}",
            got="alleles coded as reference and alternative",
            expected="ancestral and derived",
            do="give --ancestral (AA for the VCF's INFO AA, a FASTA, a table); without them diploshic, or shic with "
            f"--statistics diploid, leaves out {', '.join(names)}",
        )


def _windows(
    haplotypes: Haplotypes, windows: int, accessible: Accessibility | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index of the sites used, edges of the windows, and accessible bases in each."""
    if haplotypes.n_haplotypes < 4:
        raise InputError("too few haplotypes", got=haplotypes.n_haplotypes, expected="four or more")
    edges = np.linspace(haplotypes.start, haplotypes.end, windows + 1)
    bases = np.diff(edges)
    if accessible is not None:
        bases = accessible.bases(haplotypes.contig, edges)
        if not bases.any():
            raise InsufficientDataError(
                "the mask hides every base of the region",
                where=f"{haplotypes.contig}:{haplotypes.start:.0f}-{haplotypes.end:.0f}",
                got=f"accessible contigs: {', '.join(accessible.contigs[:8]) or 'none'}",
                do="check that mask and genotypes share the build, or leave the region out",
            )
    return used_sites(haplotypes, accessible), edges, bases


def used_sites(haplotypes: Haplotypes, accessible: Accessibility | None) -> np.ndarray:
    """Index of the sites that vary and can be called (site,); sites where all agree carry nothing."""
    ones, called = (haplotypes.alleles == 1).sum(axis=0), (haplotypes.alleles >= 0).sum(axis=0)
    use = (ones > 0) & (ones < called)
    if accessible is not None:
        use &= accessible.covers(haplotypes.contig, haplotypes.positions)
    return np.flatnonzero(use)


def _frequencies(
    alleles: np.ndarray, bounds: np.ndarray, bases: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """What allele counts give in each window: undirected statistics, sites, and those of derived alleles."""
    ones = (alleles == 1).sum(axis=0).astype(np.float64)
    called = (alleles >= 0).sum(axis=0).astype(np.float64)
    n_windows = len(bounds) - 1
    which = np.repeat(np.arange(n_windows), np.diff(bounds))
    pairs = np.maximum(called * (called - 1), 1)
    pi = np.bincount(which, 2 * ones * (called - ones) / pairs, n_windows)
    theta_h = np.bincount(which, 2 * ones**2 / pairs, n_windows)
    sites = np.diff(bounds)
    highest, largest = np.zeros(n_windows), np.zeros(n_windows)
    np.maximum.at(highest, which, ones / called)
    np.maximum.at(largest, which, called)
    a1, tajima = np.zeros(n_windows), np.full(n_windows, np.nan)
    for n in np.unique(largest[largest > 1]).astype(int):
        here = largest == n
        a1[here] = (1 / np.arange(1, n)).sum()
        tajima[here] = tajimas_d_of(pi[here], sites[here], n)
    tajima[sites < _LEAST_TAJIMA] = np.nan
    tajima[sites == 0] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        per_base = {"pi": pi / bases, "theta_w": sites / np.where(a1 > 0, a1, 1) / bases}
        directed = {"theta_h": theta_h / bases, "fay_wu_h": (theta_h - pi) / bases, "max_derived_frequency": highest}
    return {**per_base, "tajima_d": tajima}, sites, directed


def _structure(dosages: np.ndarray, bounds: np.ndarray, ploidy: int) -> dict[str, np.ndarray]:
    """Rows alike, LD and distances in each window; a window without sites has one class and no LD."""
    values = window_structure(dosages, bounds, ploidy, _LEAST_SITES_ASIDE)
    table = dict(zip(STRUCTURE, values.T, strict=True))
    empty = np.diff(bounds) == 0
    for name in STRUCTURE:
        alone = 1.0 if name in ("distinct", "h1", "h12", "h123") else 0.0
        table[name] = np.where(empty, alone, table[name])
    for name in ("zns", "omega"):
        table[name] = np.nan_to_num(table[name], nan=0.0)
    return table


def _distances(structure: dict[str, np.ndarray], bases: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = structure["variance"] / bases**2
    return {
        "distance_variance": variance,
        "distance_skew": structure["skew"],
        "distance_kurtosis": structure["kurtosis"],
    }


def _grid(
    names: tuple[str, ...], rows: dict[str, np.ndarray], sites: np.ndarray, bases: np.ndarray, edges: np.ndarray
) -> StatisticGrid:
    values = np.stack([rows[name] for name in names])
    return StatisticGrid(names, values, sites, bases / np.diff(edges), edges)
