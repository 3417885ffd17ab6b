"""Windows of the haplotypes that people carry: each different one once, insertions and deletions written out.

A chosen base of the genome (a gene's TSS) stays at the same place of every window. What an insertion adds moves the
rest outwards, what a deletion takes away is filled with the bases that follow, so that every window has the same
length and holds nothing but the haplotype's own sequence. `edges` tells where bases of the genome came to lie, with
which outputs along a window are brought back onto the bins of the genome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.dataset import Skip
from chiasma.encode.haplotype_edits import Edits, apply_in_order, keep_within, make_edits, write_windows
from chiasma.io.genome import Genome
from chiasma.io.phased import PhasedAlleles

_NAMED = 3


@dataclass(frozen=True)
class Place:
    """Where windows lie.

    Attributes:
        contig: index in the genome.
        anchor: base of the contig that stays where it is, 0-based.
        length: bases of a window.
        reach: bases read beyond the window on either side, for what deletions pull in.
        longest: bases of the longest allele that is read.
    """

    contig: int
    anchor: int
    length: int
    reach: int
    longest: int

    @property
    def before(self) -> int:
        """Bases of a window before the anchor."""
        return self.length // 2

    @property
    def start(self) -> int:
        """Where the window of the genome itself begins; may be negative."""
        return self.anchor - self.before


class ReachError(InputError):
    """Deletions pull in more bases than were read; `reach` would do."""

    def __init__(self, reach: int) -> None:
        super().__init__("deletions reach beyond the bases read", got=f"{reach:,} bases needed", do="read more of them")
        self.reach = reach


@dataclass(frozen=True, eq=False)
class HaplotypeWindows:
    """The different haplotypes of a place, and who has which.

    Attributes:
        place: of the windows.
        reference: codes of the genome, `reach` bases beyond the window on either side (position,).
        edits: relative to `reference`.
        taken: edits within each different haplotype's window (unique, edit).
        member: which of them each haplotype is (haplotype,).
        skips: alleles that were left out.
    """

    place: Place
    reference: np.ndarray
    edits: Edits
    taken: np.ndarray
    member: np.ndarray
    skips: tuple[Skip, ...] = ()

    def __len__(self) -> int:
        return len(self.taken)

    @property
    def _window(self) -> tuple[int, int, int]:
        return self.place.reach + self.place.before, self.place.before, self.place.length

    def codes(self, taken: np.ndarray) -> np.ndarray:
        """Sequences (row, position) of haplotypes with the edits `taken` (row, edit), such as rows of `self.taken`."""
        edits = self.edits
        taken = np.ascontiguousarray(taken)
        return write_windows(self.reference, edits.start, edits.end, edits.letters, edits.offset, taken, self._window)

    def edges(self, taken: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Where the left edges of bases came to lie in the window of a haplotype (edge,).

        Args:
            taken: its edits (edit,).
            positions: bases, counted from the start of the genome's own window (edge,).

        An insertion lies left of the edge at its place; edges within a deletion fall on one point.
        """
        anchor, before, _ = self._window
        return self._lift(taken, positions + self.place.reach) - (
            self._lift(taken, np.array([anchor])) - before
        )  # fmt: skip

    def _lift(self, taken: np.ndarray, x: np.ndarray) -> np.ndarray:
        chosen = np.flatnonzero(taken)
        if not len(chosen):
            return x
        start, end, size = (part[chosen] for part in (self.edits.start, self.edits.end, self.edits.sizes))
        shift = np.concatenate([[0], np.cumsum(size - (end - start))])
        behind = np.searchsorted(end, x, side="right")
        next_ = np.minimum(behind, len(chosen) - 1)
        within = (behind < len(chosen)) & (start[next_] < x)
        moved = np.where(within, start[next_] + np.minimum(x - start[next_], size[next_]), x)
        return moved + shift[behind]

    @property
    def alone(self) -> np.ndarray:
        """The haplotypes that carry one edit each, those that any window holds (row, edit)."""
        held = np.flatnonzero(self.taken.any(axis=0))
        rows = np.zeros((len(held), len(self.edits)), bool)
        rows[np.arange(len(held)), held] = True
        return rows


def haplotype_windows(alleles: PhasedAlleles, genome: Genome, place: Place) -> HaplotypeWindows:
    """The different haplotypes around a base of the genome.

    Of edits that overlap on one haplotype the first counts, as in bcftools consensus; the others are counted.

    Args:
        alleles: at least those that begin within `place.reach` bases of the window.
        genome: the reference.
        place: where.

    Raises:
        MismatchError: the alleles are of another build.
        ReachError: more bases beyond the window are needed.
    """
    first = place.start - place.reach
    reference = genome.slices(np.array([place.contig]), np.array([first]), place.length + 2 * place.reach)[0]
    edits, skips = make_edits(alleles, reference, first)
    carried, member = _different(np.ascontiguousarray(alleles.carried[:, edits.allele]))
    many = np.bincount(member, minlength=len(carried))
    before = carried.copy()
    apply_in_order(edits.start, edits.end, carried)
    lost = ((before & ~carried) * many[:, None]).sum(axis=0)
    window = (place.reach + place.before, place.before, place.length)
    low, high = keep_within(edits.start, edits.end, edits.sizes, carried, window)
    needed = max(place.reach - low, high - place.reach - place.length) + place.longest
    if needed > place.reach:
        raise ReachError(needed)
    taken, of_carried = _different(carried)
    if lost.any():
        names = tuple(str(alleles.ids[edits.allele[edit]]) for edit in np.flatnonzero(lost)[:_NAMED])
        skips += (Skip("alleles that overlap another one of the same haplotype", int(lost.sum()), names),)
    return HaplotypeWindows(place, reference, edits, taken, of_carried[member], skips)


def _different(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows of a table of flags, and which of them each row is."""
    if not rows.shape[1]:
        return np.zeros((min(1, len(rows)), 0), bool), np.zeros(len(rows), np.int64)
    packed = np.ascontiguousarray(np.packbits(rows, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    return np.ascontiguousarray(rows[first]), member.ravel()


def sums_between(values: np.ndarray, edges: np.ndarray, *, first: int, bin_size: int) -> np.ndarray:
    """Outputs of a haplotype's window on stretches of the genome: sums between successive edges (stretch, track).

    What a bin has is spread evenly over its bases; what lies beyond the outputs counts as nothing.

    Args:
        values: sums over bins (bin, track).
        edges: in the haplotype's window, not falling (stretch + 1,).
        first: where the first bin begins in the window.
        bin_size: bases of a bin.
    """
    at = np.clip((np.asarray(edges, float) - first) / bin_size, 0, len(values))
    before = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    whole = np.minimum(at.astype(np.int64), len(values) - 1)
    return np.diff(before[whole] + (at - whole)[:, None] * values[whole], axis=0)
