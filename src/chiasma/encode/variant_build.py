"""Which build of a genome a VCF and a FASTA are of, by the lengths of contigs and by the REF alleles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.core.errors import MismatchError, list_some
from chiasma.data.contigs import bare_contig
from chiasma.encode.variant_alleles import Alleles
from chiasma.io.genome import Genome
from chiasma.io.variant_records import VariantRecords

BUILDS = {
    "NCBI36 (hg18)": {"1": 247249719, "2": 242951149, "3": 199501827, "x": 154913754},
    "GRCh37 (hg19)": {"1": 249250621, "2": 243199373, "3": 198022430, "x": 155270560},
    "GRCh38 (hg38)": {"1": 248956422, "2": 242193529, "3": 198295559, "x": 156040895},
    "T2T-CHM13v2 (hs1)": {"1": 248387328, "2": 242696752, "3": 201105948, "x": 154259566},
    "GRCm38 (mm10)": {"1": 195471971, "2": 182113224, "3": 160039680, "x": 171031299},
    "GRCm39 (mm39)": {"1": 195154279, "2": 181755017, "3": 159745316, "x": 169476592},
}
"""Lengths of a few chromosomes, in bases, from the assembly reports; no two builds share one."""

WRONG_SHARE, WRONG_LEAST = 0.25, 10
"""A file is of another build where so many of its alleles mismatch: about half do where places are unrelated (REF and
ALT are two of four bases), and next to none in the right build. Fewer alleles than that do not tell."""

_CHECKED = ("", "REF_MISMATCH", "OFF_CONTIG", "TOO_LONG")


def build_of(lengths: Mapping[str, int]) -> str | None:
    """The build that has contigs of these lengths; None where none has, or not all agree."""
    known = {bare_contig(name): length for name, length in lengths.items()}
    for build, table in BUILDS.items():
        shared = [known[name] == length for name, length in table.items() if name in known]
        if shared and all(shared):
            return build
    return None


def require_build(records: VariantRecords, alleles: Alleles, genome: Genome) -> list[str]:
    """Remarks on the builds of the two files.

    Raises:
        MismatchError: so many alleles mismatch that the places are those of another build.
    """
    theirs, ours = build_of(records.contigs), build_of(dict(zip(genome.names, genome.lengths.tolist(), strict=True)))
    checked = np.isin(alleles.reason.astype(str), _CHECKED)
    wrong = np.isin(alleles.reason.astype(str), ("REF_MISMATCH", "OFF_CONTIG"))
    share = wrong.sum() / max(1, checked.sum())
    if checked.sum() >= WRONG_LEAST and share >= WRONG_SHARE:
        named = [alleles.name(row, records) for row in np.flatnonzero(wrong)[:3].tolist()]
        raise MismatchError(
            "the variants are of another genome build than the FASTA",
            where=records.path,
            got=f"{share:.0%} of {int(checked.sum()):,} alleles fit the genome with neither REF nor ALT "
            f"({list_some(named)}); {_words(theirs, 'the VCF')}{_other_lengths(records, genome)}",
            expected=f"a VCF of {ours or genome.source}",
            do=f"give the FASTA of {theirs}"
            if theirs and theirs != ours
            else "give the FASTA that the VCF was called "
            "on, or lift the variants over (for instance with CrossMap or Picard LiftoverVcf)",
        )
    remarks = []
    if theirs and ours and theirs != ours:
        remarks.append(f"the VCF's header says {theirs}, but its REF alleles fit the FASTA, {ours}: taken as that")
    elif ours:
        remarks.append(f"genome build {ours}, by its contigs' lengths; {int(wrong.sum()):,} alleles do not fit it")
    return remarks


def _words(build: str | None, whose: str) -> str:
    return f"by its contigs' lengths {whose} is of {build}" if build else f"{whose} does not tell its build"


def _other_lengths(records: VariantRecords, genome: Genome) -> str:
    """The first contig whose length the two files tell differently."""
    ours = {bare_contig(name): int(length) for name, length in zip(genome.names, genome.lengths, strict=True)}
    for name, length in records.contigs.items():
        if ours.get(bare_contig(name), length) != length:
            return f"; {name} has {length:,} bases there and {ours[bare_contig(name)]:,} in the FASTA"
    return ""
