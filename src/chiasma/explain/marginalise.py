"""What a motif does to a prediction: put into backgrounds, taken out of sequences, two at a distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.explain.onehot import SequenceModel, outputs, require_codes


@dataclass(frozen=True, eq=False)
class Effects:
    """Output before and after an edit, both (sequence,)."""

    before: np.ndarray
    after: np.ndarray

    @property
    def mean(self) -> float:
        """Mean change of the output."""
        return float((self.after - self.before).mean())


def insert(codes: np.ndarray, motif: np.ndarray, *, start: int) -> np.ndarray:
    """Sequences with `motif` codes (position,) written over them from `start`."""
    codes = require_codes(codes)
    if start < 0 or start + len(motif) > codes.shape[1]:
        raise UsageError(
            "the motif does not fit", got=f"{len(motif)} bases at {start}", expected=f"0 to {codes.shape[1]}"
        )
    edited = codes.copy()
    edited[:, start : start + len(motif)] = motif
    return edited


def marginalise(
    model: SequenceModel, backgrounds: np.ndarray, motif: np.ndarray, *, start: int | None = None, target: int = 0
) -> Effects:
    """Effect of a motif's codes (position,) put into backgrounds (sequence, position), by default in the middle."""
    start = (backgrounds.shape[1] - len(motif)) // 2 if start is None else start
    edited = insert(backgrounds, motif, start=start)
    return Effects(outputs(model, backgrounds, target=target), outputs(model, edited, target=target))


def ablate(
    model: SequenceModel, codes: np.ndarray, *, start: int, end: int, target: int = 0, n: int = 10, seed: int = 0
) -> Effects:
    """Effect of permuting the bases of [start, end) in place; the mean over `n` permutations of each sequence."""
    codes = require_codes(codes)
    if not 0 <= start < end <= codes.shape[1]:
        raise UsageError("no such span", got=f"{start} to {end}", expected=f"within 0 to {codes.shape[1]}")
    after = np.zeros(len(codes))
    for number in range(n):
        order = generator(seed, "ablate", number).permuted(np.tile(np.arange(start, end), (len(codes), 1)), axis=1)
        edited = codes.copy()
        edited[:, start:end] = np.take_along_axis(codes, order, axis=1)
        after += outputs(model, edited, target=target) / n
    return Effects(outputs(model, codes, target=target), after)


def spacing(
    model: SequenceModel,
    backgrounds: np.ndarray,
    motifs: tuple[np.ndarray, np.ndarray],
    *,
    gaps: Sequence[int],
    target: int = 0,
) -> dict[str, np.ndarray]:
    """Effect of two motifs together, less both alone, for each number of bases between them.

    Returns:
        gap (gap,), joint and interaction: mean change of output (gap,).
    """
    first, second = motifs
    base = outputs(model, backgrounds, target=target)
    start = (backgrounds.shape[1] - len(first) - len(second) - max(gaps)) // 2
    alone = insert(backgrounds, first, start=start)
    one = outputs(model, alone, target=target) - base
    joint, interaction = [], []
    for gap in gaps:
        place = start + len(first) + gap
        two = outputs(model, insert(backgrounds, second, start=place), target=target) - base
        both = outputs(model, insert(alone, second, start=place), target=target) - base
        joint.append(both.mean())
        interaction.append((both - one - two).mean())
    return {"gap": np.asarray(gaps), "joint": np.array(joint), "interaction": np.array(interaction)}
