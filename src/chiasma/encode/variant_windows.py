"""Windows around variants: both alleles in as many bases, with an explicit anchor where their lengths differ.

Two alleles of different length cannot both keep both ends of a window. `left` keeps the bases before the variant in
place and lets the far end move, `right` the reverse, `centre` shares the difference. The longer allele's window is the
one that does not move, so that exchanging REF and ALT on the other genome gives the same two windows, exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chiasma.data.sequences import encode
from chiasma.io.genome import Genome

Anchor = Literal["left", "centre", "right"]
_SHARE = {"left": 0.0, "centre": 0.5, "right": 1.0}


@dataclass(frozen=True)
class Place:
    """Where the windows of a variant lie.

    Attributes:
        before: bases before the variant in the longer allele's window.
        moved: bases by which the shorter allele's window begins earlier.
        start: where the genome's own allele's window begins on its contig; may be negative.
    """

    before: int
    moved: int
    start: int


def place(position: int, sizes: tuple[int, int], *, length: int, anchor: Anchor, stride: int = 1) -> Place:
    """The windows of a variant.

    Args:
        position: of its first base, 0-based.
        sizes: bases of the allele that the genome has, and of the other.
        length: bases of a window.
        anchor: which end stays where it is if the sizes differ.
        stride: windows begin at multiples of it, so that near variants share one; 1 puts each variant in the middle.
    """
    here, longer = sizes[0], max(sizes)
    first = position - (length - longer) // 2
    before = position - (first + stride // 2) // stride * stride
    moved = int(_SHARE[anchor] * abs(sizes[0] - sizes[1]))
    return Place(before, moved, position - before - (moved if here < longer else 0))


def genome_window(genome: Genome, contig: int, start: int, *, length: int) -> np.ndarray:
    """Codes (position,) as the genome has them; N beyond the contig's edges."""
    return genome.slices(np.array([contig]), np.array([start]), length)[0]


def other_window(
    genome: Genome, contig: int, position: int, *, pair: tuple[str, str], before: int, length: int
) -> np.ndarray:
    """Codes (position,) with the other allele in the place of the genome's own.

    Args:
        genome: the reference.
        contig: index.
        position: of the variant, 0-based.
        pair: the allele that the genome has, and the other.
        before: bases before the variant in this window; the rest follows it.
        length: bases of the window.
    """
    here, other = len(pair[0]), encode(pair[1])
    left = genome_window(genome, contig, position - before, length=before) if before > 0 else other[:0]
    right = genome_window(genome, contig, position + here, length=max(0, length - before - len(other)))
    return np.concatenate([left, other[max(0, -before) :], right])[:length]
