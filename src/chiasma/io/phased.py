"""Phased genotypes with the text of their alleles: what haplotypes are written out from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.data.dataset import Skip
from chiasma.io.sites import FILTERED, TELOMERE, Chosen, Region, SiteColumns, SiteRules, choose_samples
from chiasma.io.vcf import fill_columns

_DNA = re.compile(r"[ACGTacgt]+")
_ABSENT_GENOTYPES = "genotypes without an allele, read as the reference"


@dataclass(frozen=True, eq=False)
class PhasedAlleles:
    """Alternative alleles of a region and who carries them.

    Attributes:
        contig: as the file names it; "" where the region has no allele.
        position: 0-based (allele,), not falling.
        ref, alt: upper-case text (allele,).
        ids: of the file (allele,): CONTIG:POS:REF>ALT.
        carried: (haplotype, allele); sample s owns rows s*ploidy .. (s+1)*ploidy.
        samples: names (sample,).
        ploidy: haplotypes of a sample; 2 where the region has no allele.
        skips: alleles that were left out.
    """

    contig: str
    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    ids: np.ndarray
    carried: np.ndarray
    samples: np.ndarray
    ploidy: int
    skips: tuple[Skip, ...] = ()


@dataclass
class _AlleleColumns(SiteColumns):
    """Keeps the text of the alleles beside who carries them."""

    mode: Literal["all", "snv"] = "all"
    longest: int = 10_000
    missing: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)
    carried: list[np.ndarray] = field(default_factory=list)
    _alleles: Sequence[str] = ()

    def judge(self, alleles: Sequence[str], position: int, *, passed: bool) -> tuple[int, ...]:
        """Which alternative alleles can be written into a sequence; the others are counted and named."""
        self._alleles = alleles
        reason = TELOMERE if position < 0 else FILTERED if self.rules.filter == "pass" and not passed else ""
        if reason:
            self._tally.add(reason, f"{self.contig}:{position + 1}")
            return ()
        wanted = []
        for number, alt in enumerate(alleles[1:], start=1):
            if why := self._unfit(alleles[0], alt):
                shown = f"{alleles[0]}>{alt}" if len(alleles[0]) + len(alt) < 20 else "long alleles"
                self._tally.add(why, f"{self.contig}:{position + 1}:{shown}")
            else:
                wanted.append(number)
        return tuple(wanted)

    def _unfit(self, ref: str, alt: str) -> str:
        if alt in ("", "."):
            return "sites without an alternative allele"
        if not _DNA.fullmatch(alt) or not _DNA.fullmatch(ref):
            return "alleles that are not written in A, C, G and T"
        if max(len(ref), len(alt)) > self.longest:
            return f"alleles longer than {self.longest:,} bases"
        if self.mode == "snv" and not len(ref) == len(alt) == 1:
            return "insertions and deletions" if len(ref) != len(alt) else "substitutions of several bases at once"
        return ""

    def add(self, genotypes: np.ndarray, position: int, *, wanted: tuple[int, ...], unphased: int) -> None:
        """Take a site.

        Raises:
            FormatError: a heterozygous genotype whose phase is unknown, unless such sites are dropped.
        """
        if unphased and self.rules.unphased == "keep":
            raise FormatError(
                "genotypes without a phase",
                where=f"{self.where}, {self.contig}:{position + 1}",
                got=f"{unphased:,} heterozygous genotypes with '/'",
                expected="phased genotypes (0|1): a haplotype is read as one sequence",
                do="phase the file (SHAPEIT, Beagle), or leave such sites out with --unphased drop",
            )
        if unphased:
            self._tally.add("sites with unphased heterozygous genotypes", f"{self.contig}:{position + 1}")
            return
        self.missing += int((genotypes < 0).sum())
        for number in wanted:
            self.carried.append((genotypes == number).ravel())
            self.texts.append((self._alleles[0].upper(), self._alleles[number].upper()))
            self.positions.append(position)

    def alleles(self) -> PhasedAlleles:
        """What was collected."""
        skips = self._tally.skips()
        if self.missing:
            skips += (Skip(_ABSENT_GENOTYPES, self.missing),)
        ploidy = self.ploidy or 2
        rows = len(self.chosen.names) * ploidy
        carried = np.array(self.carried, bool).reshape(len(self.carried), rows).T
        names = [
            f"{self.contig}:{position + 1}:{ref}>{alt}"
            for position, (ref, alt) in zip(self.positions, self.texts, strict=True)
        ]
        ref, alt = (np.array([pair[side] for pair in self.texts], dtype=object) for side in (0, 1))
        return PhasedAlleles(
            contig=self.contig,
            position=np.array(self.positions, np.int64),
            ref=ref,
            alt=alt,
            ids=np.array(names, dtype=object),
            carried=np.ascontiguousarray(carried),
            samples=self.chosen.names,
            ploidy=ploidy,
            skips=skips,
        )


def read_phased(
    path: Path | str,
    region: Region,
    *,
    samples: Sequence[str] | None = None,
    mode: Literal["all", "snv"] = "all",
    unphased: Literal["error", "drop"] = "error",
    longest: int = 10_000,
) -> PhasedAlleles:
    """Read the phased alleles of a region; multi-allelic sites are split.

    Args:
        path: VCF (plain, gzip, bgzip) or BCF; with an index only the region is read.
        region: where, 0-based; an allele belongs to it if its first base does.
        samples: names to keep, in the file's order; None keeps all.
        mode: all alleles, or substitutions of one base.
        unphased: what a heterozygous genotype without a phase is: an error, or a reason to leave out its site.
        longest: bases of the longest allele taken.

    Raises:
        FormatError: unphased, samples of different ploidy, or not a VCF with genotypes.
        MismatchError: no sample, or the file's index lacks the contig.
    """
    made: list[_AlleleColumns] = []

    def columns(in_file: Sequence[str]) -> SiteColumns:
        chosen: Chosen = choose_samples(in_file, samples=samples, populations=None, where=path)
        rules = SiteRules("split", indels=True, unphased="drop" if unphased == "drop" else "keep")
        made.append(_AlleleColumns(path, chosen, rules, mode=mode, longest=longest))
        return made[-1]

    fill_columns(path, region, columns)
    return made[-1].alleles()


def sample_names(path: Path | str) -> np.ndarray:
    """Names of the samples of a VCF or BCF (sample,).

    Raises:
        FormatError: not a VCF, or without samples.
    """
    import pysam

    try:
        with pysam.VariantFile(str(path)) as file:
            names = np.array(list(file.header.samples), dtype=object)
    except (OSError, ValueError) as error:
        raise FormatError("not a VCF or BCF file", where=path, got=error, expected="phased genotypes") from error
    if not len(names):
        raise FormatError("no samples", where=path, expected="at least one genotype column")
    return names


def indexed_contigs(path: Path | str) -> tuple[str, ...] | None:
    """Contigs that the index of a VCF or BCF knows; None where there is no index."""
    import pysam

    if not any(Path(f"{path}{suffix}").exists() for suffix in (".tbi", ".csi")):
        return None
    with pysam.VariantFile(str(path)) as file:
        if file.is_bcf:
            return tuple(str(name) for name in file.header.contigs)
    with pysam.TabixFile(str(path)) as table:
        return tuple(table.contigs)
