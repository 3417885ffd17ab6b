"""Alleles of a VCF, one ALT each, held against the genome: what can be scored, and why the rest cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from chiasma.data.dataset import Skip
from chiasma.data.sequences import UNKNOWN, decode, encode
from chiasma.io.genome import Genome
from chiasma.io.variant_records import VariantRecords

REASONS = {
    "NO_CONTIG": "alleles on contigs that the genome lacks",
    "OFF_CONTIG": "alleles beyond the end of their contig",
    "NO_ALT": "lines without an alternative allele",
    "SYMBOLIC": "symbolic alleles, breakends and *, which name no bases",
    "NOT_DNA": "alleles with letters other than A, C, G and T",
    "SAME": "alternative alleles equal to the reference allele",
    "REF_UNKNOWN": "alleles where the genome has N",
    "REF_MISMATCH": "alleles whose REF and ALT are both not what the genome has there",
    "TOO_LONG": "alleles longer than half a model's window",
}
"""Why an allele has no score: the word in the VCF, and what it means."""

_DNA = re.compile(r"[ACGTacgt]+")
_SYMBOL = re.compile(r"[<>\[\]*]|^\.$|^$")
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Alleles:
    """Alternative alleles, one a row, as the genome bears them out.

    Attributes:
        record: line of the VCF (allele,).
        number: which ALT of its line, from 1 (allele,).
        contig: index in the genome, -1 where it has none (allele,).
        position: 0-based (allele,).
        ref, alt: upper-case text (allele,).
        reason: "" where the allele can be scored, else a key of REASONS (allele,).
        swapped: the genome has the ALT where the line says REF; the effect is still that of ALT over REF (allele,).
        at: where the alleles begin to differ once what they share is left out, 0-based (allele,).
        here, other: what the genome has there, and the other allele; either may be empty (allele,).
    """

    record: np.ndarray
    number: np.ndarray
    contig: np.ndarray
    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    reason: np.ndarray
    swapped: np.ndarray
    at: np.ndarray
    here: np.ndarray
    other: np.ndarray

    def __len__(self) -> int:
        return len(self.record)

    @property
    def scored(self) -> np.ndarray:
        """Rows that can be scored (scored allele,)."""
        return np.flatnonzero(self.reason == "")

    def take(self, rows: np.ndarray) -> Self:
        """Some alleles."""
        return type(self)(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    def core(self, row: int) -> tuple[int, str, str]:
        """Where the two alleles begin to differ, and what the genome and the other have there; see `_core`."""
        return int(self.at[row]), str(self.here[row]), str(self.other[row])

    def skips(self, records: VariantRecords) -> tuple[Skip, ...]:
        """What has no score: why, how many, the first few."""
        found = []
        for reason, words in REASONS.items():
            rows = np.flatnonzero(self.reason == reason)
            if len(rows):
                found.append(Skip(words, len(rows), tuple(self.name(row, records) for row in rows[:_NAMED].tolist())))
        return tuple(found)

    def name(self, row: int, records: VariantRecords) -> str:
        """CHROM:POS:REF>ALT."""
        chrom = records.chrom[self.record[row]]
        ref, alt = (text if len(text) <= 12 else f"{text[:11]}…" for text in (str(self.ref[row]), str(self.alt[row])))
        return f"{chrom}:{self.position[row] + 1}:{ref}>{alt}"


def check_alleles(records: VariantRecords, genome: Genome, *, longest: int) -> Alleles:
    """Split lines into alleles and hold each against the genome.

    Args:
        records: the lines.
        genome: the reference.
        longest: bases of the longest allele that can be scored.

    Raises:
        MismatchError: no contig of the file is in the genome.
    """
    contigs = genome.contig_indices(records.chrom)
    rows = [
        (record, number, alt.upper())
        for record, alts in enumerate(records.alt.tolist())
        for number, alt in enumerate(alts.split(","), start=1)
    ]
    line = np.array([row[0] for row in rows], np.int64)
    contig, position = contigs[line], records.position[line]
    ref = np.array([records.ref[record].upper() for record, _, _ in rows], dtype=object)
    alt = np.array([row[2] for row in rows], dtype=object)
    judged = [
        _judge(genome, int(contig[row]), int(position[row]), (ref[row], alt[row]), longest) for row in range(len(rows))
    ]
    cores = [
        _core(genome, int(contig[row]), int(position[row]), (alt[row], ref[row]) if swapped else (ref[row], alt[row]))
        if not reason
        else (position[row], ref[row], alt[row])
        for row, (reason, swapped) in enumerate(judged)
    ]
    return Alleles(
        record=line,
        number=np.array([row[1] for row in rows], np.int64),
        contig=contig,
        position=position,
        ref=ref,
        alt=alt,
        reason=np.array([reason for reason, _ in judged], dtype=object),
        swapped=np.array([swapped for _, swapped in judged], bool),
        at=np.array([core[0] for core in cores], np.int64),
        here=np.array([core[1] for core in cores], dtype=object),
        other=np.array([core[2] for core in cores], dtype=object),
    )


def _judge(genome: Genome, contig: int, position: int, pair: Sequence[str], longest: int) -> tuple[str, bool]:
    """Why an allele cannot be scored, "" if it can; and whether the genome has its ALT instead of its REF."""
    ref, alt = pair
    if alt in ("", "."):
        return "NO_ALT", False
    if _SYMBOL.search(alt) or _SYMBOL.search(ref):
        return "SYMBOLIC", False
    if not _DNA.fullmatch(ref) or not _DNA.fullmatch(alt):
        return "NOT_DNA", False
    if ref == alt:
        return "SAME", False
    if contig < 0:
        return "NO_CONTIG", False
    length = int(genome.lengths[contig])
    if position < 0 or position + min(len(ref), len(alt)) > length:
        return "OFF_CONTIG", False
    there = genome.slices(np.array([contig]), np.array([position]), max(len(ref), len(alt)))[0]
    if (there[: len(ref)] == encode(ref)).all():
        return ("TOO_LONG" if max(len(ref), len(alt)) > longest else ""), False
    if (there[: len(alt)] == encode(alt)).all():
        return ("TOO_LONG" if max(len(ref), len(alt)) > longest else ""), True
    if (there[: len(ref)] == UNKNOWN).any():
        return ("OFF_CONTIG" if position + len(ref) > length else "REF_UNKNOWN"), False
    return "REF_MISMATCH", False


def _core(genome: Genome, contig: int, position: int, pair: tuple[str, str]) -> tuple[int, str, str]:
    """Two alleles without what they share, insertions and deletions as far left as they can stand.

    One change written in several ways (C to T, CAG to TAG; any one A of a run deleted) has one core, and so one score.
    """
    here, other = pair
    least = min(len(here), len(other))
    after = next((size for size in range(least) if here[-1 - size] != other[-1 - size]), least)
    here, other = here[: len(here) - after], other[: len(other) - after]
    least -= after
    before = next((size for size in range(least) if here[size] != other[size]), least)
    position, here, other = position + before, here[before:], other[before:]
    if here and other:
        return position, here, other
    moved, first = here or other, int(genome.offsets[contig])
    steps = 0
    while (
        position - steps > 0
        and decode(genome.codes[first + position - steps - 1 : first + position - steps])
        == (moved[-1 - steps % len(moved)])
    ):
        steps += 1
    turn = steps % len(moved)
    moved = moved[len(moved) - turn :] + moved[: len(moved) - turn]
    return position - steps, moved if here else "", moved if other else ""
