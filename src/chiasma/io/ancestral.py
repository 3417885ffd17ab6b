"""Ancestral alleles, from the INFO AA of a VCF or from a FASTA, and haplotypes polarised by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError, InsufficientDataError
from chiasma.data.haplotypes import MISSING
from chiasma.io.sites import HaplotypeRead, Region, SiteRules, Tally, alternatives, match_contig, parse_region

UNKNOWN = "sites whose ancestral allele is not known"
NEITHER = "sites whose ancestral allele is neither of the two"
_BASES = frozenset("ACGT")


@dataclass(frozen=True, eq=False)
class SiteAlleles:
    """Alleles of the sites of a VCF, one row a column that its reader makes.

    Attributes:
        contig: as the file names it.
        positions: 0-based (site,).
        ref: reference allele (site,).
        alt: alternative allele (site,).
        ancestral: INFO AA up to the first |, upper or lower case as given; "" where there is none (site,).
        has_ancestral: whether the file's header knows INFO AA.
    """

    contig: str
    positions: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    ancestral: np.ndarray
    has_ancestral: bool


def read_site_alleles(
    path: Path | str,
    *,
    region: str | Region | None = None,
    rules: SiteRules = SiteRules(),  # noqa: B008
) -> SiteAlleles:
    """Read the alleles of a VCF or BCF by the rules that its genotypes were read with; genotypes are not parsed.

    Raises:
        InputError: absent. FormatError: not a VCF. MismatchError: no such contig.
    """
    import pysam

    wanted = parse_region(region)
    if not Path(path).is_file():
        raise InputError("no such file", where=path, do="check the path")
    try:
        file = pysam.VariantFile(str(path), drop_samples=True)
    except (ValueError, OSError) as error:
        raise FormatError(
            "not a VCF or BCF", where=path, got=error, expected="VCF, plain or bgzipped, or BCF"
        ) from error
    with file:
        contig = (
            match_contig(wanted.contig, [str(name) for name in file.header.contigs], where=path) if wanted else None
        )
        start, end = (wanted.start, wanted.end) if wanted else (0, None)
        records: Any = file.fetch(contig, start, end) if contig and file.index is not None else iter(file)
        rows: list[tuple[int, str, str, str]] = []
        for record in records:
            contig = contig or record.chrom
            inside = record.chrom == contig and record.pos - 1 >= start and (end is None or record.pos - 1 < end)
            if inside and (rules.filter == "any" or not set(record.filter) - {"PASS"}):
                rows += _rows(record, rules)
        known = "AA" in file.header.info
    positions, *texts = zip(*rows, strict=True) if rows else ((), (), (), ())
    ref, alt, ancestral = (np.array(text, object) for text in texts)
    return SiteAlleles(contig or "", np.array(positions, np.float64), ref, alt, ancestral, known)


def _rows(record: Any, rules: SiteRules) -> list[tuple[int, str, str, str]]:
    alleles = list(record.alleles or ())
    value = record.info.get("AA", "") if "AA" in record.info else ""
    text = (value[0] if isinstance(value, tuple) else value) or ""
    kept, _ = alternatives(alleles, rules)
    return [(record.pos - 1, alleles[0], alleles[place], text.split("|")[0]) for place in kept]


def polarise(
    read: HaplotypeRead,
    sites: SiteAlleles,
    *,
    fasta: Path | str | None = None,
    low_confidence: bool = True,
    where: object = "genotypes",
) -> HaplotypeRead:
    """Code 1 for the derived allele; sites without a known ancestral one are left out and counted.

    Args:
        read: haplotypes with 0 for the reference and 1 for the alternative allele.
        sites: the alleles of their sites.
        fasta: ancestral sequence, coordinates of the reference; INFO AA where left out.
        low_confidence: take ancestral alleles in lower case, which Ensembl's are where outgroups disagree.
        where: the file, for messages.

    Raises:
        InputError: no FASTA, and the VCF has no INFO AA. MismatchError: the FASTA has no such contig.
        InsufficientDataError: not one ancestral allele is known.
    """
    haplotypes = read.haplotypes
    index = _align(haplotypes.positions, sites)
    if fasta is not None:
        letters = _from_fasta(fasta, haplotypes.contig, haplotypes.positions)
    elif sites.has_ancestral:
        letters = [str(sites.ancestral[row]) if row >= 0 else "" for row in index]
    else:
        raise InputError(
            "no ancestral alleles, and polarised ones were asked for",
            where=where,
            got="a header without INFO AA",
            expected="INFO AA, or a FASTA of the ancestral sequence",
            do="add them (bcftools annotate), give the FASTA, or code by the minor allele",
        )
    tally, flip, keep = Tally(), np.zeros(len(letters), bool), np.zeros(len(letters), bool)
    for column, (letter, row) in enumerate(zip(letters, index, strict=True)):
        name = f"{haplotypes.contig}:{haplotypes.positions[column] + 1:.0f}"
        if row < 0 or not _usable(letter, low_confidence=low_confidence):
            tally.add(UNKNOWN, name)
        elif letter.upper() not in (sites.ref[row].upper(), sites.alt[row].upper()):
            tally.add(NEITHER, name)
        else:
            keep[column] = True
            flip[column] = letter.upper() == sites.alt[row].upper()
    if not keep.any():
        raise InsufficientDataError(
            "no site has a known ancestral allele",
            where=where,
            got="; ".join(map(str, tally.skips())),
            do="check that the ancestral alleles are of this build, or code by the minor allele",
        )
    alleles = np.where(flip & (haplotypes.alleles != MISSING), 1 - haplotypes.alleles, haplotypes.alleles)
    turned = replace(haplotypes, alleles=np.ascontiguousarray(alleles.astype(np.int8)), polarised=True)
    return replace(read, haplotypes=turned.take_sites(np.flatnonzero(keep)), skips=(*read.skips, *tally.skips()))


def _usable(letter: str, *, low_confidence: bool) -> bool:
    return bool(letter) and set(letter.upper()) <= _BASES and (low_confidence or letter.isupper())


def _align(positions: np.ndarray, sites: SiteAlleles) -> np.ndarray:
    """Row of each column in `sites` (site,), -1 where it is not there or not to be told from another."""
    if np.array_equal(positions, sites.positions):
        return np.arange(len(positions))
    index = np.full(len(positions), -1)
    places, first, counts = np.unique(sites.positions, return_index=True, return_counts=True)
    found = np.searchsorted(places, positions)
    inside = found < len(places)
    same = inside & (places[np.minimum(found, len(places) - 1)] == positions) if len(places) else inside
    rows = found[same]
    index[same] = np.where(counts[rows] == 1, first[rows], -1)
    return index


def _from_fasta(path: Path | str, contig: str, positions: np.ndarray) -> list[str]:
    """Letter of each site, case kept; "" beyond the end."""
    import pysam

    if not Path(path).is_file():
        raise InputError("no such file", where=path, do="check the path")
    with pysam.FastxFile(str(path)) as records:
        found = {str(record.name): str(record.sequence) for record in records}
    # Ensembl names its ancestral contigs ANCESTOR_for_chromosome:GRCh37:2:1:243199373:1
    names = {name.split(":")[2] if name.count(":") >= 2 else name: name for name in found}
    sequence = found[names[match_contig(contig, list(names), where=path)]]
    letters = [sequence[int(place)] if place < len(sequence) else "" for place in positions]
    return ["" if letter in "Nn.-" else letter for letter in letters]
