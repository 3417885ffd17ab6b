"""Ancestral alleles, from the INFO AA of a VCF, a FASTA or a table, and haplotypes polarised by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.data.contigs import bare_contig
from chiasma.data.haplotypes import MISSING
from chiasma.io.sites import HaplotypeRead, Region, SiteRules, Tally, alternatives, match_contig, parse_region
from chiasma.io.textfile import read_lines

UNKNOWN = "sites whose ancestral allele is not known"
NEITHER = "sites whose ancestral allele is neither of the two"
OWN = "AA"
"""In place of a file: the ancestral alleles that the genotypes' own file gives, as INFO AA or variant_AA."""
MOST_NEITHER = 0.3
"""Share of sites whose ancestral allele is neither of the two above which it is taken from another build: third
alleles are a few in a hundred, letters at wrong places agree with one of two by chance about half the time."""
_FEWEST_TO_JUDGE = 20
_BASES = frozenset("ACGT")
_ANY_SITE = SiteRules(multiallelic="split", indels=True, filter="any")


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
    spoken = pysam.set_verbosity(0)  # htslib complains of a missing index, which is not needed
    try:
        file = pysam.VariantFile(str(path), drop_samples=True)
    except (ValueError, OSError) as error:
        raise FormatError(
            "not a VCF or BCF", where=path, got=error, expected="VCF, plain or bgzipped, or BCF"
        ) from error
    finally:
        pysam.set_verbosity(spoken)
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
        InputError: no FASTA, and the VCF has no INFO AA.
        MismatchError: the FASTA has no such contig or a longer one, or too many ancestral alleles are neither of the
            two (MOST_NEITHER): another build.
        InsufficientDataError: not one ancestral allele is known.
    """
    haplotypes = read.haplotypes
    index = _align(haplotypes.positions, sites)
    if fasta is not None:
        letters = _from_fasta(fasta, read)
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
    neither = tally.counts.get(NEITHER, 0)
    if neither + keep.sum() >= _FEWEST_TO_JUDGE and neither > MOST_NEITHER * (neither + keep.sum()):
        raise MismatchError(
            "ancestral alleles that are neither of a site's two",
            where=where,
            got=f"{neither:,} of {neither + int(keep.sum()):,} sites",
            expected="a few in a hundred",
            do="check that the ancestral alleles are of the build, and of the strand, of the genotypes",
        )
    alleles = np.where(flip & (haplotypes.alleles != MISSING), 1 - haplotypes.alleles, haplotypes.alleles)
    turned = replace(haplotypes, alleles=np.ascontiguousarray(alleles.astype(np.int8)), polarised=True)
    ref, alt = read.ref, read.alt
    if ref is not None and alt is not None:
        ref, alt = np.where(flip, alt, ref), np.where(flip, ref, alt)
    return replace(read, haplotypes=turned, ref=ref, alt=alt).take_sites(np.flatnonzero(keep), *tally.skips())


def polarise_from(
    read: HaplotypeRead, source: Path | str, *, path: Path | str, region: str | Region | None = None
) -> HaplotypeRead:
    """Code 1 for the derived allele, by ancestral alleles from wherever they are known.

    Args:
        read: haplotypes as read from `path`; its `ref` and `alt` become the ancestral and the derived allele.
        source: AA for the INFO AA (VCF, BCF) or variant_AA (VCF Zarr) of the genotypes' own file; else a FASTA of the
            ancestral sequence, a VCF with INFO AA, or a table of contig, 1-based position and ancestral allele, with
            or without a header.
        path: the file of the genotypes.
        region: of them, as they were read.

    Raises:
        UsageError: the haplotypes are polarised already, as those of tree sequences and ms are.
        InputError: the file names no alleles, or has no ancestral ones where its own are asked for.
        MismatchError, InsufficientDataError: as in `polarise`.
    """
    haplotypes = read.haplotypes
    if haplotypes.polarised:
        raise UsageError(
            "these haplotypes tell the derived allele themselves", where=path, got=source, do="leave --ancestral out"
        )
    if read.ref is None or read.alt is None:
        raise InputError(
            "the file names no alleles, so that none can be told to be ancestral",
            where=path,
            expected="reference and alternative alleles, as in VCF",
            do="convert the file anew with its alleles (scikit-allel: fields='*')",
        )
    name = str(source).removesuffix(".gz").lower()
    if name.endswith((".fa", ".fasta", ".fna")):
        return polarise(read, _own_alleles(read, None), fasta=source, where=path)
    if str(source) == OWN:
        own = name_of(path)
        letters = _zarr_letters(path, read) if own.endswith((".vcz", ".zarr")) else None
        if own.endswith((".vcf", ".bcf")):
            letters = _vcf_letters(path, read, region)
    elif name.endswith((".vcf", ".bcf")):
        letters = _vcf_letters(source, read, Region(haplotypes.contig, int(haplotypes.start), int(haplotypes.end)))
    else:
        letters = _table_letters(source, read)
    return polarise(read, _own_alleles(read, letters), where=path if str(source) == OWN else source)


def name_of(path: Path | str) -> str:
    """A path without what compression and folders add to it, in lower case, whose suffix tells the format."""
    return str(path).rstrip("/").removesuffix(".gz").removesuffix(".bgz").lower()


def _own_alleles(read: HaplotypeRead, letters: list[str] | None) -> SiteAlleles:
    haplotypes = read.haplotypes
    assert read.ref is not None and read.alt is not None
    ancestral = np.array([""] * haplotypes.n_sites if letters is None else letters, object)
    return SiteAlleles(haplotypes.contig, haplotypes.positions, read.ref, read.alt, ancestral, letters is not None)


def _vcf_letters(path: Path | str, read: HaplotypeRead, region: str | Region | None) -> list[str] | None:
    """INFO AA of each site by its position; None where the header does not know it. "" where two records differ."""
    found = read_site_alleles(path, region=region, rules=_ANY_SITE)
    if not found.has_ancestral:
        return None
    known: dict[float, str] = {}
    for position, letter in zip(found.positions.tolist(), found.ancestral, strict=True):
        known[position] = str(letter) if known.get(position, letter) == letter else ""
    return [known.get(position, "") for position in read.haplotypes.positions.tolist()]


def _zarr_letters(path: Path | str, read: HaplotypeRead) -> list[str] | None:
    import zarr

    root: Any = zarr.open_group(str(path), mode="r")
    if "variant_AA" not in root:
        return None
    contigs = [str(name) for name in root["contig_id"][:]]
    rows = root["variant_contig"][:] == contigs.index(read.haplotypes.contig)
    positions = root["variant_position"][:][rows] - 1
    texts = np.asarray(root["variant_AA"][:], object)[rows].reshape(len(positions), -1)[:, 0]
    known = dict(zip(positions.tolist(), (str(text).split("|")[0] for text in texts), strict=True))
    return [known.get(int(position), "") for position in read.haplotypes.positions]


def _table_letters(path: Path | str, read: HaplotypeRead) -> list[str]:
    contig, known = bare_contig(read.haplotypes.contig), {}
    met = set()
    for count, (number, line) in enumerate(read_lines(path)):
        row = line.split()
        if count == 0 and len(row) >= 3 and not row[1].isdigit():
            continue  # the header
        if len(row) < 3 or not row[1].isdigit():
            raise FormatError(
                "not a line of a table of ancestral alleles",
                where=f"{path}, line {number}",
                got=line[:60],
                expected="contig, 1-based position, ancestral allele",
            )
        met.add(bare_contig(row[0]))
        if bare_contig(row[0]) == contig:
            known[int(row[1]) - 1] = row[2]
    match_contig(contig, sorted(met), where=path)
    return [known.get(int(position), "") for position in read.haplotypes.positions]


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


def _from_fasta(path: Path | str, read: HaplotypeRead) -> list[str]:
    """Letter of each site, case kept; "" beyond the end."""
    import pysam

    contig, positions = read.haplotypes.contig, read.haplotypes.positions
    if not Path(path).is_file():
        raise InputError("no such file", where=path, do="check the path")
    with pysam.FastxFile(str(path)) as records:
        found = {str(record.name): str(record.sequence) for record in records}
    # Ensembl names its ancestral contigs ANCESTOR_for_chromosome:GRCh37:2:1:243199373:1
    names = {name.split(":")[2] if name.count(":") >= 2 else name: name for name in found}
    sequence = found[names[match_contig(contig, list(names), where=path)]]
    if read.contig_length is not None and len(sequence) > read.contig_length:
        raise MismatchError(
            "the ancestral sequence is longer than the contig",
            where=path,
            got=f"{len(sequence):,} bases of contig {contig}",
            expected=f"{read.contig_length:,}, as the genotypes have it",
            do="give the ancestral sequence of the build that the genotypes are on",
        )
    letters = [sequence[int(place)] if place < len(sequence) else "" for place in positions]
    return ["" if letter in "Nn.-" else letter for letter in letters]
