"""Alleles as edits of the genome, and the walks along haplotypes that carry them, compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Skip
from chiasma.data.sequences import UNKNOWN, decode, encode
from chiasma.io.phased import PhasedAlleles

_NAMED = 3
_ENOUGH = 20
"""Alleles from which on a majority that the genome contradicts means another build."""


@dataclass(frozen=True, eq=False)
class Edits:
    """Stretches of the genome replaced by letters, sorted by (start, end); what REF and ALT share is trimmed off.

    Attributes:
        start, end: replaced bases, relative to the stretch read (edit,); equal for insertions.
        letters: codes that replace them, of all edits in turn.
        offset: where each edit's letters begin, and the end of the last (edit + 1,).
        allele: which allele of the input each edit is (edit,).
    """

    start: np.ndarray
    end: np.ndarray
    letters: np.ndarray
    offset: np.ndarray
    allele: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def sizes(self) -> np.ndarray:
        """Letters of each edit (edit,)."""
        return np.diff(self.offset)


def make_edits(alleles: PhasedAlleles, reference: np.ndarray, start: int) -> tuple[Edits, tuple[Skip, ...]]:
    """Edits of a stretch of the genome, and the alleles whose REF is not what the genome has there.

    Args:
        alleles: of one contig.
        reference: codes of the stretch (position,).
        start: where it begins on the contig.

    Raises:
        MismatchError: most REF alleles are not what the genome has: another build.
    """
    found, wrong = [], []
    for row in range(len(alleles.position)):
        ref, alt = alleles.ref[row], alleles.alt[row]
        begin = int(alleles.position[row]) - start
        if begin < 0 or begin + len(ref) > len(reference):
            continue  # too far out to reach a window
        if decode(reference[begin : begin + len(ref)]) != ref:
            wrong.append(row)
            continue
        head, tail = _shared(ref, alt)
        if len(ref) > head + tail or len(alt) > head + tail:
            found.append((begin + head, begin + len(ref) - tail, alt[head : len(alt) - tail], row))
    if len(alleles.position) >= _ENOUGH and len(wrong) > len(alleles.position) / 2:
        raise MismatchError(
            "the genotypes are of another build than the genome",
            where=f"contig {alleles.contig}",
            got=f"{len(wrong):,} of {len(alleles.position):,} REF alleles are not what the genome has",
            expected="REF alleles that the FASTA bears out",
            do="give the FASTA that the VCF was called on, or lift the VCF over",
        )
    found.sort(key=lambda edit: edit[:2])  # stable: of equal ones the first in the file stays first
    offset = np.concatenate([[0], np.cumsum([len(edit[2]) for edit in found])]).astype(np.int64)
    edits = Edits(
        start=np.array([edit[0] for edit in found], np.int64),
        end=np.array([edit[1] for edit in found], np.int64),
        letters=encode("".join(edit[2] for edit in found)).copy(),
        offset=offset,
        allele=np.array([edit[3] for edit in found], np.int64),
    )
    names = tuple(str(alleles.ids[row]) for row in wrong[:_NAMED])
    return edits, (Skip("alleles whose REF is not what the genome has", len(wrong), names),) if wrong else ()


def _shared(ref: str, alt: str) -> tuple[int, int]:
    """Bases that two alleles share at the left (first), then at the right of what is left."""
    least = min(len(ref), len(alt))
    head = 0
    while head < least and ref[head] == alt[head]:
        head += 1
    tail = 0
    while tail < least - head and ref[-1 - tail] == alt[-1 - tail]:
        tail += 1
    return head, tail


@numba.njit(cache=True)
def apply_in_order(start: np.ndarray, end: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """Of the edits that each row carries, those that do not overlap one taken before (row, edit); changed in place.

    Returns:
        How many rows left an edit out because of another (edit,).
    """
    n_rows, n_edits = carried.shape
    lost = np.zeros(n_edits, np.int64)
    for row in range(n_rows):
        last_end, last_insertion = -1, -1
        for edit in range(n_edits):
            if not carried[row, edit]:
                continue
            insertion = start[edit] == end[edit]
            if start[edit] < last_end or (insertion and start[edit] == last_insertion):
                carried[row, edit] = False
                lost[edit] += 1
                continue
            if insertion:
                last_insertion = start[edit]
            last_end = end[edit]
    return lost


@numba.njit(cache=True)
def keep_within(
    start: np.ndarray, end: np.ndarray, size: np.ndarray, taken: np.ndarray, window: tuple[int, int, int]
) -> tuple[int, int]:
    """Forget, in place, the edits that leave each row's window as it is.

    Args:
        start, end, size: of the edits (edit,).
        taken: edits of each row, without overlaps (row, edit).
        window: the base that stays where it is, bases before it, bases in all.

    Returns:
        The first base of the genome that any window holds, and the one after the last; either may lie off the stretch.
    """
    anchor, before, length = window
    lowest, highest = anchor - before, anchor - before + length
    for row in range(taken.shape[0]):
        low = on_haplotype(start, end, size, taken[row], anchor) - before
        high = low + length
        lowest = min(lowest, on_genome(start, end, size, taken[row], low))
        highest = max(highest, on_genome(start, end, size, taken[row], high - 1) + 1)
        shift = 0
        for edit in range(taken.shape[1]):
            if not taken[row, edit]:
                continue
            here = start[edit] + shift
            shift += size[edit] - (end[edit] - start[edit])
            if size[edit] > 0:
                taken[row, edit] = here < high and here + size[edit] > low
            else:
                taken[row, edit] = low < here < high
    return lowest, highest


@numba.njit(cache=True)
def on_haplotype(start: np.ndarray, end: np.ndarray, size: np.ndarray, taken: np.ndarray, position: int) -> int:
    """Where a base of the genome lies on a haplotype; one within replaced bases as far in as these have letters."""
    shift = 0
    for edit in range(len(taken)):
        if not taken[edit]:
            continue
        if end[edit] > position:
            if start[edit] < position:
                return start[edit] + shift + min(position - start[edit], size[edit])
            break
        shift += size[edit] - (end[edit] - start[edit])
    return position + shift


@numba.njit(cache=True)
def on_genome(start: np.ndarray, end: np.ndarray, size: np.ndarray, taken: np.ndarray, position: int) -> int:
    """Which base of the genome a base of a haplotype is; a letter of an edit is the edit's first."""
    shift = 0
    for edit in range(len(taken)):
        if not taken[edit]:
            continue
        here = start[edit] + shift
        if position < here:
            break
        if position < here + size[edit]:
            return start[edit]
        shift += size[edit] - (end[edit] - start[edit])
    return position - shift


@numba.njit(cache=True)
def write_windows(
    reference: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    letters: np.ndarray,
    offset: np.ndarray,
    taken: np.ndarray,
    window: tuple[int, int, int],
) -> np.ndarray:
    """Sequences of the rows' windows, codes (row, position); N where the stretch ends.

    Args:
        reference: the stretch of the genome (position,).
        start, end, letters, offset: the edits.
        taken: edits of each row, without overlaps (row, edit).
        window: the base that stays where it is, bases before it, bases in all.
    """
    anchor, before, length = window
    size = offset[1:] - offset[:-1]
    out = np.empty((taken.shape[0], length), np.uint8)
    for row in range(taken.shape[0]):
        low = on_haplotype(start, end, size, taken[row], anchor) - before
        out[row, : max(0, min(length, -low))] = UNKNOWN
        at, shift = 0, 0  # the next base of the genome; by how much the haplotype is ahead
        for edit in range(taken.shape[1]):
            if taken[row, edit]:
                _copy(reference, at, start[edit], out[row], at + shift - low)
                _copy(letters, offset[edit], offset[edit + 1], out[row], start[edit] + shift - low)
                at = end[edit]
                shift += size[edit] - (end[edit] - start[edit])
        _copy(reference, at, len(reference), out[row], at + shift - low)
        out[row, max(0, min(length, len(reference) + shift - low)) :] = UNKNOWN
    return out


@numba.njit(cache=True)
def _copy(source: np.ndarray, first: int, last: int, out: np.ndarray, to: int) -> None:
    """source[first:last] to out[to:], as far as it lies in both."""
    skip = max(0, -to)
    count = min(last - first, len(out) - to) - skip
    if count > 0:
        out[to + skip : to + skip + count] = source[first + skip : first + skip + count]
