"""Haplotype scans for sweeps: iHS (Voight et al. 2006) and nSL (Ferrer-Admetlla et al. 2014).

Both rest on how far pairs of haplotypes that carry the same allele at a site stay alike on either side of it. Instead
of comparing every pair, haplotypes are kept sorted by their reversed prefixes (the positional Burrows-Wheeler
transform, Durbin 2014): neighbours share the longest stretches, and what any two share is the shortest between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from chiasma.core.errors import InputError


@dataclass(frozen=True)
class EhhRules:
    """How haplotype homozygosity is integrated; the defaults are scikit-allel's.

    Attributes:
        least_ehh: integrate until homozygosity falls to this.
        least_frequency: sites whose rarer allele is less frequent get no score.
        edges: keep a score whose integral runs into the end of the data.
        gap_scale: gaps longer than so many bases count as so many (Voight et al.), 0 for as they are.
        longest_gap: a score across a longer gap, bases, is not given; 0 for no bound.
    """

    least_ehh: float = 0.05
    least_frequency: float = 0.05
    edges: bool = False
    gap_scale: float = 20_000.0
    longest_gap: float = 200_000.0


def ihs(
    alleles: np.ndarray,
    positions: np.ndarray,
    *,
    map_positions: np.ndarray | None = None,
    rules: EhhRules | None = None,
) -> np.ndarray:
    """log(iHH of allele 1 / iHH of allele 0) at each site, not standardised (site,); NaN where not defined.

    Args:
        alleles: 0 and 1, none missing (haplotype, site).
        positions: bases, sorted (site,).
        map_positions: genetic positions to integrate over instead (site,).
        rules: how to integrate.

    Raises:
        InputError: missing alleles.
    """
    rules = rules or EhhRules()
    values = _called(alleles)
    gaps = _gaps(np.asarray(positions, np.float64), map_positions, rules)
    settings = (rules.least_ehh, rules.least_frequency, int(rules.edges))
    forward = _integrate(values, gaps, *settings)
    backward = _integrate(np.ascontiguousarray(values[::-1]), gaps[::-1].copy(), *settings)[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log((forward[1] + backward[1]) / (forward[0] + backward[0]))


def nsl(alleles: np.ndarray) -> np.ndarray:
    """log(SL of allele 1 / SL of allele 0) at each site, not standardised (site,); NaN where not defined.

    SL is the mean over pairs of carriers of the number of sites along which they stay alike. Stretches end where
    the data do.

    Args:
        alleles: 0 and 1, none missing (haplotype, site).

    Raises:
        InputError: missing alleles.
    """
    values = _called(alleles)
    forward = _mean_stretch(values)
    backward = _mean_stretch(np.ascontiguousarray(values[::-1]))[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log((forward[1] + backward[1]) / (forward[0] + backward[0]))


def _called(alleles: np.ndarray) -> np.ndarray:
    values = np.asarray(alleles)
    if values.size and (values.min() < 0 or values.max() > 1):
        missing = int((values < 0).any(axis=0).sum())
        raise InputError(
            "haplotype scans need every allele",
            got=f"{missing} sites with missing alleles" if missing else "alleles other than 0 and 1",
            expected="0 and 1",
            do="leave these sites out, or impute them",
        )
    return np.ascontiguousarray(values.T.astype(np.int8))


def _gaps(positions: np.ndarray, map_positions: np.ndarray | None, rules: EhhRules) -> np.ndarray:
    """Distance between neighbours in units of the integral (site - 1,), negative where it may not be crossed."""
    bases = np.diff(positions)
    gaps = bases.copy() if map_positions is None else np.diff(np.asarray(map_positions, np.float64))
    if rules.gap_scale > 0:
        long = bases > rules.gap_scale
        gaps[long] *= rules.gap_scale / bases[long]
    if rules.longest_gap > 0:
        gaps[bases > rules.longest_gap] = -1.0
    return gaps


@numba.njit(cache=True)
def _advance(site: int, row: np.ndarray, order: np.ndarray, begins: np.ndarray, spare: np.ndarray) -> None:
    """Sort haplotypes by their prefixes up to and with this site, in place (Durbin 2014, algorithm 2).

    begins: for each place in the order, the site from which that haplotype agrees with the one before it.
    """
    n = len(order)
    zeros, begin_0, begin_1, ones = 0, site + 1, site + 1, 0
    for place in range(n):
        begin_0 = max(begin_0, begins[place])
        begin_1 = max(begin_1, begins[place])
        if row[order[place]] == 0:
            # places already read are free to be written
            order[zeros], begins[zeros] = order[place], begin_0
            zeros += 1
            begin_0 = 0
        else:
            spare[0, ones], spare[1, ones] = order[place], begin_1
            ones += 1
            begin_1 = 0
    for place in range(ones):
        order[zeros + place], begins[zeros + place] = spare[0, place], spare[1, place]


@numba.njit(cache=True)
def _pair_stretches(site: int, begins: np.ndarray, counts: np.ndarray, stack: np.ndarray) -> int:
    """Count pairs by their shared stretch, in place, and give the longest.

    Args:
        site: last site of the stretches.
        begins: of one class of haplotypes, sorted; the first is not read (carrier,).
        counts: zeros; becomes the pairs that share so many sites, the last included (site + 2,).
        stack: room for (3, carrier).
    """
    # in every run of neighbours the shortest link decides: links to the left with a longer stretch are swept up
    height, longest = 0, 0
    for place in range(1, len(begins) + 1):
        length = site + 1 - begins[place] if place < len(begins) else 0
        left = 1
        while height > 0 and stack[0, height - 1] >= length:
            height -= 1
            link, reach = stack[0, height], stack[1, height]
            right = place - stack[2, height]
            counts[link] += reach * right
            longest = max(longest, link)
            left += reach
        if place < len(begins):
            stack[0, height], stack[1, height], stack[2, height] = length, left, place
            height += 1
    return longest


@numba.njit(cache=True)
def _one_side(counts: np.ndarray, pairs: int, site: int, gaps: np.ndarray, least_ehh: float, edges: int) -> float:
    """Integral of homozygosity from a site back over the data, by trapezia; NaN where it has no end."""
    if pairs == 0:
        return np.nan
    alike = float(pairs - counts[0])
    before, total = alike / pairs, 0.0
    if before <= least_ehh:
        return 0.0
    for step in range(1, site + 1):
        alike -= counts[step]
        now = alike / pairs
        gap = gaps[site - step]
        if gap < 0:
            return np.nan
        total += gap * (now + before) / 2
        if now <= least_ehh:
            return total
        before = now
    return total if edges else np.nan


@numba.njit(cache=True)
def _integrate(rows: np.ndarray, gaps: np.ndarray, least_ehh: float, least_frequency: float, edges: int) -> np.ndarray:
    """Integrated homozygosity towards earlier sites, of allele 0 and of allele 1 (2, site)."""
    n_sites, n = rows.shape
    found = np.full((2, n_sites), np.nan)
    order, begins = np.arange(n), np.zeros(n, np.int64)
    stack, spare = np.empty((3, n + 1), np.int64), np.empty((2, n), np.int64)
    counts = np.zeros(n_sites + 2, np.int64)
    for site in range(n_sites):
        n_zeros = 0
        for row in range(n):
            n_zeros += rows[site, row] == 0
        _advance(site, rows[site], order, begins, spare)
        if min(n_zeros, n - n_zeros) / n < least_frequency:
            continue
        for allele in range(2):
            part = begins[:n_zeros] if allele == 0 else begins[n_zeros:]
            carriers = len(part)
            longest = _pair_stretches(site, part, counts, stack)
            pairs = carriers * (carriers - 1) // 2
            found[allele, site] = _one_side(counts, pairs, site, gaps, least_ehh, edges)
            counts[: longest + 1] = 0
    return found


@numba.njit(cache=True)
def _mean_stretch(rows: np.ndarray) -> np.ndarray:
    """Mean sites that pairs of carriers share towards earlier sites, the core included, of both alleles (2, site)."""
    n_sites, n = rows.shape
    found = np.full((2, n_sites), np.nan)
    order, begins = np.arange(n), np.zeros(n, np.int64)
    stack, spare = np.empty((3, n + 1), np.int64), np.empty((2, n), np.int64)
    counts = np.zeros(n_sites + 2, np.int64)
    for site in range(n_sites):
        n_zeros = 0
        for row in range(n):
            n_zeros += rows[site, row] == 0
        _advance(site, rows[site], order, begins, spare)
        for allele in range(2):
            part = begins[:n_zeros] if allele == 0 else begins[n_zeros:]
            pairs = len(part) * (len(part) - 1) // 2
            longest = _pair_stretches(site, part, counts, stack)
            total = 0
            for length in range(1, longest + 1):
                total += length * counts[length]
            counts[: longest + 1] = 0
            if pairs:
                found[allele, site] = total / pairs
    return found


def standardise(scores: np.ndarray, counts: np.ndarray, *, bins: np.ndarray) -> np.ndarray:
    """Centre and scale scores among sites of like derived count (site,); NaN where a bin has fewer than two scores.

    Args:
        scores: not standardised, NaN where there is none (site,).
        counts: copies of the derived allele at each site (site,).
        bins: lower edges of the bins of counts, increasing; lower counts join the first (bin,).
    """
    scores = np.asarray(scores, np.float64)
    group = np.maximum(np.searchsorted(np.asarray(bins), counts, side="right") - 1, 0)
    known = np.isfinite(scores)
    size = np.bincount(group[known], minlength=len(bins))
    total = np.bincount(group[known], scores[known], minlength=len(bins))
    mean = total / np.maximum(size, 1)
    square = np.bincount(group[known], (scores[known] - mean[group[known]]) ** 2, minlength=len(bins))
    spread = np.sqrt(square / np.maximum(size, 1))
    usable = (size > 1) & (spread > 0)
    return np.where(usable[group], (scores - mean[group]) / np.where(usable, spread, 1.0)[group], np.nan)
