"""In-silico mutagenesis: the effect of every single substitution on one output."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from chiasma.data.results import Attribution
from chiasma.explain.onehot import SequenceModel, make_attribution, outputs, present, require_codes


class Engine(Protocol):
    """Computes substitution effects; exact, whatever the shortcut."""

    def __call__(
        self, model: SequenceModel, codes: np.ndarray, *, target: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Effects (sequence, position, base), 0 for the base present, and outputs (sequence,)."""


def brute_force(
    model: SequenceModel, codes: np.ndarray, *, target: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Run the model on every edited sequence; the identity edits are skipped."""
    base_output = outputs(model, codes, target=target, batch_size=batch_size)
    effects = np.zeros((*codes.shape, 4))
    for row, sequence in enumerate(codes):
        where, what = np.nonzero(sequence[:, None] != np.arange(4)[None, :])
        for start in range(0, len(where), batch_size):
            position, base = where[start : start + batch_size], what[start : start + batch_size]
            edited = np.repeat(sequence[None], len(position), axis=0)
            edited[np.arange(len(position)), position] = base
            values = outputs(model, edited, target=target, batch_size=batch_size)
            effects[row, position, base] = values - base_output[row]
    return effects, base_output


def in_silico_mutagenesis(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    batch_size: int = 512,
    engine: Engine = brute_force,
) -> Attribution:
    """Substitute every base at every position, one at a time.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        codes: uint8 (sequence, position).
        target: output column.
        batch_size: edited sequences in one forward pass.
        engine: how the effects are computed.

    Returns:
        hypothetical: output with that base minus the output as it is, 0 for the base present; scores: the base
        present against the mean over the four bases; completeness error undefined (NaN).
    """
    codes = require_codes(codes)
    effects, output = engine(model, codes, target=target, batch_size=batch_size)
    scores = present(effects - effects.mean(axis=-1, keepdims=True), codes)
    return make_attribution(codes, scores, effects, output, method="ism", target=target)
