"""PLINK 1 genotypes (.bed with .bim and .fam) to haplotypes; only the sites of the region are read from disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError, InputError, list_some
from chiasma.io.sites import (
    HaplotypeRead,
    Region,
    SampleTable,
    SiteColumns,
    SiteRules,
    choose_samples,
    match_contig,
    parse_region,
)
from chiasma.io.textfile import read_lines

_MAGIC = b"\x6c\x1b"
_SITE_MAJOR = 1
# two bits a genotype: both A1, missing, one of each, both A2; here as copies of A1
_COPIES = np.array([2, -1, 1, 0], np.int8)
_TABLE = _COPIES[(np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3]
_ALLELES = np.array([[0, 0], [0, 1], [1, 1], [-1, -1]], np.int8)
"""Allele indices of 0, 1 and 2 copies, and of a missing genotype (the last, so that -1 finds it)."""


@dataclass(frozen=True, eq=False)
class _Bim:
    contig: np.ndarray
    position: np.ndarray
    first: np.ndarray
    second: np.ndarray


def read_plink(
    path: Path | str,
    *,
    region: str | Region | None = None,
    samples: SampleTable | Sequence[str] | None = None,
    populations: Sequence[str] | None = None,
    rules: SiteRules = SiteRules(),  # noqa: B008
) -> HaplotypeRead:
    """Read one contig, or a part of it. A1 of the .bim becomes allele 1 and A2, usually the reference, allele 0.

    The format has no phase: heterozygous genotypes are counted as unphased. Samples go by their individual ID, or by
    FAMILY_INDIVIDUAL where that is not unique.

    Args:
        path: the .bed file, or the name that the three files share.
        region: `CONTIG:FIRST-LAST`, 1-based and both ends included; may be left out for files of one contig.
        samples: names to keep, or a table of names and populations.
        populations: populations of the table to keep, in this order.
        rules: which sites to keep; the format has no filters.

    Raises:
        InputError: a file of the three is absent, several contigs and no region.
        FormatError: not a .bed, an old sample-major one, or a size that contradicts .bim and .fam.
        MismatchError: no such contig or sample. InsufficientDataError: no site is left.
    """
    stem = str(path).removesuffix(".bed")
    names = _read_fam(f"{stem}.fam")
    bim = _read_bim(f"{stem}.bim")
    genotypes = _open_bed(Path(f"{stem}.bed"), len(bim.position), len(names))
    wanted = parse_region(region)
    contig = _choose_contig(bim, wanted, f"{stem}.bim")
    chosen = choose_samples(names, samples=samples, populations=populations, where=f"{stem}.fam")
    sites = SiteColumns(f"{stem}.bed", chosen, rules, contig=contig, ploidy=2)
    rows = np.flatnonzero(bim.contig == contig)
    positions = bim.position[rows]
    if (np.diff(positions) < 0).any():
        raise FormatError(
            "positions are not sorted", where=f"{stem}.bim", got=f"contig {contig}", do="plink --make-bed sorts them"
        )
    start = wanted.start if wanted else 0
    end = wanted.end if wanted and wanted.end is not None else int(positions[-1]) + 1
    low, high = np.searchsorted(positions, [start, end])
    for row in rows[low:high]:
        alleles = [_named(bim.second[row]), _named(bim.first[row])]
        kept = sites.judge(alleles, int(bim.position[row]), passed=True)
        if not kept:
            continue
        copies = _TABLE[genotypes[row]].ravel()[: len(names)][chosen.index]
        sites.add(_ALLELES[copies], int(bim.position[row]), wanted=kept, unphased=int((copies == 1).sum()))
    return sites.read(start=start, end=end)


def _named(allele: str) -> str:
    """An allele, with the format's 0 for an unknown one as in VCF."""
    return "." if allele == "0" else allele


def _columns(path: str, least: int, what: str) -> list[list[str]]:
    rows = []
    for number, line in read_lines(path):
        row = line.split()
        if len(row) < least:
            raise FormatError(
                f"not a line of {what}", where=f"{path}, line {number}", got=line[:60], expected=f"{least} columns"
            )
        rows.append(row)
    return rows


def _read_fam(path: str) -> list[str]:
    rows = _columns(path, 6, "a .fam file")
    names = [row[1] for row in rows]
    return names if len(set(names)) == len(names) else [f"{row[0]}_{row[1]}" for row in rows]


def _read_bim(path: str) -> _Bim:
    rows = _columns(path, 6, "a .bim file")
    try:
        position = np.array([int(row[3]) for row in rows], np.int64) - 1
    except ValueError as error:
        raise FormatError("a position is not a whole number", where=path, got=error, expected="column 4") from error
    contig, first, second = (np.array([row[column] for row in rows], object) for column in (0, 4, 5))
    return _Bim(contig, position, first, second)


def _open_bed(path: Path, n_sites: int, n_samples: int) -> np.ndarray:
    """Bytes of the genotypes (site, byte), on disk."""
    if not path.is_file():
        raise InputError("no such file", where=path, do="a .bed, a .bim and a .fam of one name are needed")
    with open(path, "rb") as handle:
        head = handle.read(3)
    if head[:2] != _MAGIC:
        raise FormatError(
            "not a PLINK .bed file", where=path, got=head.hex(), expected="6c1b01", do="intervals are read as --regions"
        )
    if head[2] != _SITE_MAJOR:
        raise FormatError("a sample-major .bed file", where=path, do="rewrite it: plink --make-bed")
    width = (n_samples + 3) // 4
    size, expected = path.stat().st_size, 3 + n_sites * width
    if size != expected:
        raise FormatError(
            "the size contradicts .bim and .fam (truncated?)",
            where=path,
            got=f"{size} bytes",
            expected=f"{expected} bytes for {n_sites} sites of {n_samples} samples",
        )
    return np.memmap(path, np.uint8, "r", offset=3, shape=(n_sites, width))


def _choose_contig(bim: _Bim, wanted: Region | None, where: str) -> str:
    known = list(dict.fromkeys(bim.contig.tolist()))
    if wanted is not None:
        return match_contig(wanted.contig, known, where=where)
    if len(known) > 1:
        raise InputError(
            "the file has several contigs",
            where=where,
            got=list_some(known),
            expected="one contig",
            do=f"ask for one: --region {known[0]}",
        )
    return known[0]
