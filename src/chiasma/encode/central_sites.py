"""The encoder of pg-gan: so many central sites of a region, minor allele 1, with distances between sites."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.data.haplotypes import MISSING
from chiasma.encode.haplotypes import segregating


def central_range(n_sites: int, sites: int) -> tuple[int, int]:
    """First and last site (half-open) of the central ones; all where there are no more than asked for."""
    low = max(0, n_sites // 2 - sites // 2) if n_sites > sites else 0
    return low, min(low + sites, n_sites)


def code_central(
    alleles: np.ndarray, positions: np.ndarray, length: float, *, sites: int, before: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One region as the discriminator reads it.

    Fewer sites are padded with zeros on both sides. Over all haplotypes together the rarer allele is coded 1 and the
    other -1; at a tie the coding given stays; missing alleles are 0.

    Args:
        alleles: 0, 1 and -1 for missing (haplotype, site), no more sites than asked for.
        positions: bases (site,); rounded, as the original does.
        length: bases by which distances are divided.
        sites: columns.
        before: position of the site before the first, if its distance is to be told. The original tells it of
            simulated regions and never of real ones, which gives them away; left out, it is 0 for all.

    Returns:
        Codes int8 (haplotype, column), and distances to the site before, float32 (column,).
    """
    n, found = alleles.shape
    ones, called = (alleles == 1).sum(axis=0), (alleles != MISSING).sum(axis=0)
    coded = np.where(ones * 2 > called, 1 - 2 * alleles, 2 * alleles - 1)
    left = (sites - found) // 2
    out = np.zeros((n, sites), np.int8)
    out[:, left : left + found] = np.where(alleles == MISSING, 0, coded)
    distances = np.zeros(sites, np.float32)
    if found:
        rounded = np.rint(positions)
        first = rounded[0] if before is None else np.rint(before)
        distances[left : left + found] = np.diff(rounded, prepend=first) / length
    return out, distances


def encode_central(
    example: Mapping[str, np.ndarray], *, sites: int, length: float, tell_first: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A simulated or observed region, with arrays alleles and positions, by the central ones of its segregating sites.

    Args:
        example: the region.
        sites: columns.
        length: bases by which distances are divided.
        tell_first: whether the distance before the first column is told (`before` of `code_central`).

    Returns:
        As of `code_central`.
    """
    alleles, positions = example["alleles"], example["positions"]
    index = np.flatnonzero(segregating(alleles))
    low, high = central_range(len(index), sites)
    kept = index[low:high]
    before = float(positions[index[max(low - 1, 0)]]) if tell_first and high > low else None
    return code_central(alleles[:, kept], positions[kept], length, sites=sites, before=before)
