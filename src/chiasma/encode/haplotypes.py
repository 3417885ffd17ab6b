"""THE encoder of haplotypes: simulated and real alike become the same arrays here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from chiasma.core.config import Config
from chiasma.data.haplotypes import MISSING, Haplotypes


class HaplotypeEncoding(Config):
    """How haplotypes become a tensor."""

    sites: int = Field(default=418, ge=2, description="columns of the tensor; more sites are cut, fewer padded")
    keep: Literal["central", "first"] = Field(default="central", description="which sites stay where there are more")
    coding: Literal["01", "-11"] = Field(default="-11", description="codes of the two alleles")
    orient: Literal["given", "minor"] = Field(
        default="minor", description="what the higher code means: the allele given as 1, or the rarer one"
    )
    order: Literal["given", "neighbours", "similarity"] = Field(
        default="given",
        description="rows as given; by distance from the row nearest to all (Flagel); each next to its most similar",
    )
    missing: int = Field(default=0, ge=-2, le=2, description="code of a missing allele")
    padding: int = Field(default=0, ge=-2, le=2, description="code of columns beyond the last site")
    position_padding: float = Field(default=-1.0, description="position of columns beyond the last site")


@dataclass(frozen=True, eq=False)
class EncodedHaplotypes:
    """One example.

    Attributes:
        alleles: int8 (haplotype, site).
        positions: float32 (site,), fraction of the region, 0 at its first base.
        n_sites: how many columns are sites; the rest is padding.
    """

    alleles: np.ndarray
    positions: np.ndarray
    n_sites: int


def segregating(alleles: np.ndarray) -> np.ndarray:
    """Whether both alleles are present at each site (site,); missing ones count as neither."""
    return (alleles == 0).any(axis=0) & (alleles == 1).any(axis=0)


def encode_haplotypes(haplotypes: Haplotypes, config: HaplotypeEncoding) -> EncodedHaplotypes:
    """Encode one region: sites where all rows agree go, then the configured number of columns is kept."""
    index = np.flatnonzero(segregating(haplotypes.alleles))
    surplus = len(index) - config.sites
    if surplus > 0:
        begin = surplus // 2 if config.keep == "central" else 0
        index = index[begin : begin + config.sites]
    alleles = haplotypes.alleles[:, index]
    if config.orient == "minor":
        alleles = _minor(alleles)
    alleles = alleles[row_order(alleles, config.order)]
    n_sites = len(index)
    coded = np.full((len(alleles), config.sites), config.padding, np.int8)
    values = alleles if config.coding == "01" else 2 * alleles - 1
    coded[:, :n_sites] = np.where(alleles == MISSING, config.missing, values)
    positions = np.full(config.sites, config.position_padding, np.float32)
    positions[:n_sites] = (haplotypes.positions[index] - haplotypes.start) / haplotypes.length
    return EncodedHaplotypes(coded, positions, n_sites)


def _minor(alleles: np.ndarray) -> np.ndarray:
    """1 for the rarer allele; at a tie the coding given stays."""
    flip = (alleles == 1).sum(axis=0) > (alleles == 0).sum(axis=0)
    return np.where(flip & (alleles != MISSING), 1 - alleles, alleles).astype(np.int8)


def row_order(alleles: np.ndarray, order: str) -> np.ndarray:
    """Order of the rows (haplotype,); ties keep the order given.

    neighbours: take the row with the least sum of Manhattan distances to all, and order by distance from it
    (Flagel et al. 2019). similarity: begin there, then always the nearest row not yet used.
    """
    n = len(alleles)
    if order == "given" or n < 2 or alleles.shape[1] == 0:
        return np.arange(n)
    distance = manhattan(alleles)
    first = int(distance.sum(axis=1).argmin())
    if order == "neighbours":
        rest = np.argsort(distance[first], kind="stable")
        return np.concatenate([[first], rest[rest != first]])
    free = distance.astype(np.float64)
    path = [first]
    for _ in range(n - 1):
        free[:, path[-1]] = np.inf
        path.append(int(free[path[-1]].argmin()))
    return np.array(path)


def manhattan(alleles: np.ndarray) -> np.ndarray:
    """Sum of absolute differences between rows of codes 0, 1 and -1 (haplotype, haplotype), int64."""
    # |a - b| over three codes, as products of indicators: one matrix product a pair of codes
    codes = [(alleles == code).astype(np.float32) for code in (MISSING, 0, 1)]
    near = codes[0] @ codes[1].T + codes[1] @ codes[2].T
    far = codes[0] @ codes[2].T
    return np.rint(near + near.T + 2 * (far + far.T)).astype(np.int64)


@dataclass(frozen=True)
class Window:
    """Part of a contig, 0-based and half-open, and how many sites it has."""

    start: float
    end: float
    n_sites: int


def iter_windows(
    haplotypes: Haplotypes, *, length: float | None = None, sites: int | None = None, step: float | None = None
) -> Iterator[Window]:
    """Windows along a region, from the one with the first site to the one with the last.

    Where the last window would reach beyond the region or the last site, it ends there instead and overlaps the one
    before it; a region shorter than a window has none.

    Args:
        haplotypes: the region.
        length: bases in each window, tiled from the start of the region; or
        sites: sites in each window, from the first to the last one; windows then end after their last site.
        step: bases or sites between starts; the window itself where left out.
    """
    if (length is None) == (sites is None):
        raise ValueError("give either length or sites")
    positions = haplotypes.positions
    if not len(positions):
        return
    if sites is not None:
        stride = int(step or sites)
        last = len(positions) - sites
        for low in [*range(0, last + 1, stride), *([last] if last > 0 and last % stride else [])]:
            yield Window(float(positions[low]), float(positions[low + sites - 1]) + 1, sites)
        return
    assert length is not None
    size, stride_bp = float(length), float(step or length)
    number = int(max(0, np.floor((positions[0] - haplotypes.start - size) / stride_bp) + 1))
    if size > haplotypes.length:
        return
    covered = haplotypes.start
    while covered <= positions[-1]:
        start = min(haplotypes.start + number * stride_bp, haplotypes.end - size)
        covered = start + size
        low, high = np.searchsorted(positions, [start, covered])
        yield Window(start, covered, int(high - low))
        number += 1


def as_haplotypes(example: dict[str, np.ndarray]) -> Haplotypes:
    """The haplotypes of a simulated or cut-out example: arrays alleles, positions and region (start, end)."""
    n = len(example["alleles"])
    start, end = (float(value) for value in example["region"])
    return Haplotypes(example["alleles"], example["positions"], start, end, "1", np.arange(n), 1)
