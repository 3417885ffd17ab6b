"""DeepLIFT/SHAP: contributions against several references, with a completeness error for each example.

The rescale rule of Shrikumar et al. 2017, averaged over references as in Lundberg & Lee 2017. `deeplift_rules`
tells how the rules reach the operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.results import Attribution
from chiasma.explain.deeplift_calls import make_mode
from chiasma.explain.deeplift_rules import Rules
from chiasma.explain.gradients import contributions
from chiasma.explain.onehot import (
    SequenceModel,
    batches,
    device_of,
    evaluating,
    make_attribution,
    one_hot,
    require_codes,
    target_output,
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
    codes = require_codes(codes)
    references = dinucleotide_references(codes, seed=seed) if references is None else references
    n = references.shape[1]
    scores = np.zeros(codes.shape)
    hypothetical = np.zeros((*codes.shape, 4))
    output, reference_output = np.zeros(len(codes)), np.zeros(len(codes))
    with evaluating(model):
        for rows in batches(len(codes), max(1, batch_size // n)):
            here = np.repeat(codes[rows], n, axis=0)
            there = references[rows].reshape(-1, codes.shape[1])
            slope, now, before = multipliers(model, here, there, target=target)
            possible, actual = contributions(slope, here, there)
            hypothetical[rows] = possible.reshape(-1, n, *possible.shape[1:]).mean(axis=1)
            scores[rows] = actual.reshape(-1, n, actual.shape[1]).mean(axis=1)
            output[rows] = now.reshape(-1, n).mean(axis=1)
            reference_output[rows] = before.reshape(-1, n).mean(axis=1)
    gap = np.nan_to_num(np.abs(scores.sum(axis=-1) - (output - reference_output)), nan=np.inf)
    return make_attribution(
        codes,
        scores,
        hypothetical,
        output,
        method="deep-lift-shap",
        target=target,
        gap=gap,
    )


def multipliers(
    model: SequenceModel, codes: np.ndarray, reference: np.ndarray, *, target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multipliers (pair, position, base) and the outputs of sequence and reference (pair,)."""
    import torch

    device: Any = device_of(model)
    rules = Rules()
    with torch.no_grad(), make_mode(rules):
        before = target_output(model, one_hot(reference, device=device), target)
    rules.rewind()
    x = one_hot(codes, device=device).requires_grad_()
    with torch.enable_grad(), make_mode(rules):
        now = target_output(model, x, target)
    rules.finish()
    slope = torch.zeros_like(x)
    if now.requires_grad:
        slope = torch.autograd.grad(now.sum(), x, allow_unused=True)[0]
        slope = torch.zeros_like(x) if slope is None else slope
    found = slope.transpose(1, 2).double().cpu().numpy()
    return found, now.detach().double().cpu().numpy(), before.double().cpu().numpy()
