"""Accessibility masks: which bases could be called at all, from BED."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, list_some
from chiasma.data.accessibility import Accessibility, accessibility
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Skip
from chiasma.io.bed import read_bed
from chiasma.io.sites import HaplotypeRead

MASKED = "sites outside the accessibility mask"


def read_mask(path: Path | str) -> Accessibility:
    """Read a BED of accessible stretches (as the strict masks of the 1000 Genomes); overlapping ones are merged."""
    return accessibility(read_bed(path))


def mask_sites(read: HaplotypeRead, accessible: Accessibility, *, where: object = "mask") -> HaplotypeRead:
    """Leave out the sites that the mask hides, and count them.

    Raises:
        MismatchError: the mask does not know the contig, or reaches beyond its end: another build.
        InsufficientDataError: it hides every site.
    """
    haplotypes = read.haplotypes
    if bare_contig(haplotypes.contig) not in accessible.starts:
        raise MismatchError(
            "the mask has no such contig",
            where=where,
            got=haplotypes.contig,
            expected=list_some(accessible.contigs, most=8) or "a mask with stretches",
            do="give the mask of the same genome, with every contig used",
        )
    last = int(accessible.ends[bare_contig(haplotypes.contig)][-1])
    if read.contig_length is not None and last > read.contig_length:
        raise MismatchError(
            "the mask reaches beyond the end of the contig",
            where=where,
            got=f"a stretch that ends at {last:,}",
            expected=f"at most {read.contig_length:,}, the length of contig {haplotypes.contig} of the genotypes",
            do="give the mask of the build that the genotypes are on",
        )
    covered = accessible.covers(haplotypes.contig, haplotypes.positions)
    if not covered.any():
        raise InsufficientDataError(
            "the mask hides every site",
            where=where,
            got=f"{len(covered)} sites on contig {haplotypes.contig}",
            do="check that mask and genotypes share the build",
        )
    hidden = np.flatnonzero(~covered)
    if not len(hidden):
        return read
    names = tuple(f"{haplotypes.contig}:{haplotypes.positions[i] + 1:.0f}" for i in hidden[:3])
    return read.take_sites(np.flatnonzero(covered), Skip(MASKED, len(hidden), names))
