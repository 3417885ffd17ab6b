"""DeepLIFT/SHAP: contributions against several references, with a completeness error for each example.

The rescale rule of Shrikumar et al. 2017, averaged over references as in Lundberg & Lee 2017. `deeplift_rules`
tells how the rules reach the operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Attribution
from chiasma.explain.deeplift_calls import make_mode
from chiasma.explain.deeplift_rules import Rules
from chiasma.explain.gradients import contributions, slopes
from chiasma.explain.onehot import (
    SequenceModel,
    batches,
    device_of,
    evaluating,
    make_attribution,
    one_hot,
    require_codes,
    target_outputs,
)
from chiasma.explain.references import dinucleotide_references


def deep_lift_shap(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    references: np.ndarray | None = None,
    seed: int = 0,
    batch_size: int = 256,
) -> Attribution:
    """Contribution of each base to one output, against references.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        codes: uint8 (sequence, position).
        target: output column.
        references: codes (sequence, reference, position); None is ten dinucleotide-preserving shuffles of each.
        seed: of those shuffles.
        batch_size: pairs of sequence and reference in one pass.

    Raises:
        UnsupportedOperationError: an operation has no rule; integrated gradients serve every differentiable model.
    """
    return deep_lift_shap_of(model, codes, targets=(target,), references=references, seed=seed, batch_size=batch_size)[
        0
    ]


def deep_lift_shap_of(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    targets: Sequence[int],
    references: np.ndarray | None = None,
    seed: int = 0,
    batch_size: int = 256,
) -> list[Attribution]:
    """`deep_lift_shap` of several outputs: the model runs once on references and sequences, whatever their number."""
    codes = require_codes(codes)
    references = dinucleotide_references(codes, seed=seed) if references is None else references
    n, shape = references.shape[1], (len(targets), *codes.shape)
    scores, hypothetical = np.zeros(shape), np.zeros((*shape, 4))
    output, reference_output = np.zeros(shape[:2]), np.zeros(shape[:2])
    with evaluating(model):
        for rows in batches(len(codes), max(1, batch_size // n)):
            here = np.repeat(codes[rows], n, axis=0)
            there = references[rows].reshape(-1, codes.shape[1])
            slope, now, before = multipliers(model, here, there, targets=targets)
            for index in range(len(targets)):
                possible, actual = contributions(slope[index], here, there)
                hypothetical[index, rows] = possible.reshape(-1, n, *possible.shape[1:]).mean(axis=1)
                scores[index, rows] = actual.reshape(-1, n, actual.shape[1]).mean(axis=1)
            output[:, rows] = now.reshape(len(targets), -1, n).mean(axis=2)
            reference_output[:, rows] = before.reshape(len(targets), -1, n).mean(axis=2)
    gap = np.nan_to_num(np.abs(scores.sum(axis=-1) - (output - reference_output)), nan=np.inf)
    return [
        make_attribution(codes, *each[:3], method="deep-lift-shap", target=target, gap=each[3])
        for target, *each in zip(targets, scores, hypothetical, output, gap, strict=True)
    ]


def multipliers(
    model: SequenceModel, codes: np.ndarray, reference: np.ndarray, *, targets: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multipliers (target, pair, position, base) and the outputs of sequences and references (target, pair)."""
    import torch

    device: Any = device_of(model)
    rules = Rules()
    with torch.no_grad(), make_mode(rules):
        before = target_outputs(model, one_hot(reference, device=device), targets)
    rules.rewind()
    x = one_hot(codes, device=device).requires_grad_()
    with torch.enable_grad(), make_mode(rules):
        now = target_outputs(model, x, targets)
    rules.finish()
    found = slopes(now, x).transpose(2, 3).double().cpu().numpy()
    return found, now.detach().double().cpu().numpy().T, before.double().cpu().numpy().T
