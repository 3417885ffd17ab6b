"""Random sequences with motifs planted in them: the smallest data on which a sequence network can be seen to learn."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target, TargetKind
from chiasma.data.sequences import Sequences, encode, reverse_complement

MOTIFS = {"ap1": "TGAGTCAC", "ctcf": "CCACCAGGGGGCG"}
"""Consensus of AP-1 and the core of CTCF (JASPAR MA0099, MA0139)."""


def planted_motifs(
    seed: int, *, kind: TargetKind = "binary", examples: int = 320, shortest: int = 50, longest: int = 60
) -> Dataset:
    """Sequences of uniform bases, some of which carry a motif at a random place on a random strand.

    Args:
        seed: of everything.
        kind: binary (ctcf or nothing), multiclass (background, ap1, ctcf), multilabel (ap1, ctcf, each or both), or
            regression (one track: 2 for ctcf, -1 for ap1, and normal noise of deviation 0.2).
        examples: how many.
        shortest: bases in a sequence, at least.
        longest: bases in a sequence, at most.

    Returns:
        A dataset whose unit is the single sequence.
    """
    draw = generator(seed, "planted", kind)
    present = _which(kind, draw, examples)  # (example, motif)
    codes = []
    for row in present:
        sequence = draw.integers(0, 4, draw.integers(shortest, longest + 1)).astype(np.uint8)
        half = len(sequence) // 2
        for slot, (here, motif) in enumerate(zip(row, MOTIFS.values(), strict=True)):
            if here:
                _plant(sequence[slot * half : (slot + 1) * half], encode(motif), draw)
        codes.append(sequence)
    ids = [f"planted{index}" for index in range(examples)]
    return Dataset(
        ids=np.array(ids, dtype=object),
        x=Sequences.from_codes(ids, codes),
        target=_target(kind, present, draw),
        unit=np.arange(examples),
        unit_name="sequence",
        notes={"simulated": f"uniform bases with planted motifs, seed {seed}"},
    )


def _which(kind: TargetKind, draw: np.random.Generator, examples: int) -> np.ndarray:
    ap1, ctcf = draw.random((2, examples)) < 0.5
    if kind == "binary":
        ap1 = np.zeros(examples, bool)
    elif kind == "multiclass":
        ap1, ctcf = draw.integers(0, 3, examples)[None, :] == np.array([[1], [2]])
    return np.column_stack([ap1, ctcf])


def _plant(stretch: np.ndarray, motif: np.ndarray, draw: np.random.Generator) -> None:
    start = int(draw.integers(0, len(stretch) - len(motif) + 1))
    stretch[start : start + len(motif)] = motif if draw.random() < 0.5 else reverse_complement(motif)


def _target(kind: TargetKind, present: np.ndarray, draw: np.random.Generator) -> Target:
    ap1, ctcf = present.T.astype(np.int64)
    if kind == "binary":
        return Target(kind, ctcf, ("background", "ctcf"))
    if kind == "multiclass":
        return Target(kind, ap1 + 2 * ctcf, ("background", *MOTIFS))
    if kind == "multilabel":
        return Target(kind, present.astype(float), tuple(MOTIFS))
    activity = 2 * ctcf - ap1 + 0.2 * draw.standard_normal(len(present))
    return Target("regression", activity[:, None], ("activity",), "arbitrary")
