"""Haplotypes in bins of a fixed number of bases: a tensor whose columns are places rather than sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from chiasma.core.config import Config
from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.accessibility import Accessibility
from chiasma.data.haplotypes import Haplotypes


class BinnedEncoding(Config):
    """How a region becomes counts of alleles in bins."""

    bins: int = Field(default=128, ge=1, description="columns of the tensor, equal parts of the region")
    orient: Literal["derived", "minor"] = Field(
        default="minor", description="which allele is counted: the derived or the rarer one; at a tie the one coded 1"
    )
    rows: Literal["haplotypes", "genotypes"] = Field(
        default="haplotypes", description="rows of the tensor: haplotypes, or samples where phase is not known"
    )
    least_frequency: float = Field(
        default=0.0, ge=0, le=0.5, description="leave out sites whose rarer allele is less frequent"
    )


@dataclass(frozen=True, eq=False)
class BinnedHaplotypes:
    """One example.

    Attributes:
        counts: copies of the counted allele, int16 (row, bin).
        missing: alleles that are not called, int16 (row, bin).
        accessible: share of each bin's bases that can be called, float32 (bin,).
        n_sites: sites used in each bin (bin,).
    """

    counts: np.ndarray
    missing: np.ndarray
    accessible: np.ndarray
    n_sites: np.ndarray


def encode_bins(
    haplotypes: Haplotypes, config: BinnedEncoding, *, accessible: Accessibility | None = None
) -> BinnedHaplotypes:
    """Count alleles in equal parts of the region, at the sites that vary and that the mask shows.

    Raises:
        InputError: haplotypes are asked for and not phased, or derived alleles and not known.
        InsufficientDataError: the mask hides every base.
    """
    if config.rows == "haplotypes" and not haplotypes.phased:
        raise InputError(
            "the haplotypes are not phased", expected="phased genotypes", do="phase them, or take rows = genotypes"
        )
    if config.orient == "derived" and not haplotypes.polarised:
        raise InputError(
            "the derived allele is not known",
            do="give ancestral alleles, or take orient = minor",
            got="orient = derived",
        )
    alleles, positions = haplotypes.alleles, haplotypes.positions
    ones, called = (alleles == 1).sum(axis=0), (alleles >= 0).sum(axis=0)
    use = (ones > 0) & (ones < called)
    use &= np.minimum(ones, called - ones) >= config.least_frequency * called
    edges = np.linspace(haplotypes.start, haplotypes.end, config.bins + 1)
    share = np.ones(config.bins)
    if accessible is not None:
        use &= accessible.covers(haplotypes.contig, positions)
        share = accessible.bases(haplotypes.contig, edges) / np.diff(edges)
        if not share.any():
            raise InsufficientDataError(
                "the mask hides every base of the region",
                where=f"{haplotypes.contig}:{haplotypes.start:.0f}-{haplotypes.end:.0f}",
                do="check that mask and genotypes share the build, or leave the region out",
            )
    index = np.flatnonzero(use)
    counted = np.ones(len(index), np.int8)
    if config.orient == "minor":
        counted = np.where(ones[index] * 2 > called[index], 0, 1)
    kept = alleles[:, index]
    bounds = np.searchsorted(positions[index], edges)
    step = haplotypes.ploidy if config.rows == "genotypes" else 1
    return BinnedHaplotypes(
        counts=_by_bin(kept == counted, bounds, step),
        missing=_by_bin(kept < 0, bounds, step),
        accessible=share.astype(np.float32),
        n_sites=np.diff(bounds),
    )


def _by_bin(shown: np.ndarray, bounds: np.ndarray, step: int) -> np.ndarray:
    """Sums of booleans (haplotype, site) over each bin and over `step` rows (row, bin)."""
    running = np.zeros((len(shown), shown.shape[1] + 1), np.int32)
    np.cumsum(shown, axis=1, out=running[:, 1:])
    sums = np.diff(running[:, bounds], axis=1)
    return sums.reshape(-1, step, sums.shape[1]).sum(axis=1).astype(np.int16)
