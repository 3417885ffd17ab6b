"""Attributions from gradients of one output or of several: saliency, input x gradient, integrated gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from chiasma.data.results import Attribution
from chiasma.explain.onehot import (
    BASES_IN_A_BATCH,
    LONG,
    SequenceModel,
    batches,
    device_of,
    evaluating,
    make_attribution,
    one_hot,
    outputs_of,
    present,
    recomputing,
    require_codes,
    target_outputs,
)


def slopes(output: Any, x: Any) -> Any:
    """Gradient of the sum of each column of output (batch, target) at x: (target, batch, base, position)."""
    import torch

    if not output.requires_grad:
        return torch.zeros((output.shape[1], *x.shape), dtype=x.dtype, device=x.device)
    found = []
    for column in range(output.shape[1]):  # one forward pass serves all columns
        last = column + 1 == output.shape[1]
        (slope,) = torch.autograd.grad(output[:, column].sum(), x, retain_graph=not last, allow_unused=True)
        found.append(torch.zeros_like(x) if slope is None else slope)
    return torch.stack(found)


def _gradient(model: SequenceModel, x: Any, targets: Sequence[int]) -> tuple[Any, Any]:
    """Outputs (target, batch) and their gradients with respect to x (target, batch, base, position)."""
    import torch

    with torch.enable_grad(), _sparing(model, x.shape[2]):
        x = x.detach().requires_grad_()
        output = target_outputs(model, x, targets)
        found = slopes(output, x)
    return output.detach().T, found


def _sparing(model: SequenceModel, length: int) -> AbstractContextManager[None]:
    """Memory is spared on long windows, at the cost of another forward pass."""
    return recomputing(model, on=True) if length >= LONG else nullcontext()


def differentiable(model: SequenceModel, codes: np.ndarray, *, target: int = 0) -> bool:
    """Whether a gradient of one output reaches the input, tried on the first sequence."""
    import torch

    with evaluating(model), torch.enable_grad(), _sparing(model, codes.shape[1]):
        x = one_hot(codes[:1], device=device_of(model)).requires_grad_()
        try:
            output = target_outputs(model, x, (target,))
        except Exception:  # whatever a model outside torch says of a tensor that records gradients
            return False
        return output.requires_grad and torch.autograd.grad(output.sum(), x, allow_unused=True)[0] is not None


def gradients(
    model: SequenceModel, codes: np.ndarray, *, targets: Sequence[int] = (0,), batch_size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of outputs at one-hot entries (target, sequence, position, base), and outputs (target, sequence)."""
    device = device_of(model)
    found, values = [], []
    batch_size = max(1, min(batch_size, BASES_IN_A_BATCH // codes.shape[1]))
    with evaluating(model):
        for rows in batches(len(codes), batch_size):
            output, gradient = _gradient(model, one_hot(codes[rows], device=device), targets)
            found.append(gradient.transpose(2, 3).cpu().double().numpy())
            values.append(output.cpu().double().numpy())
    return np.concatenate(found, axis=1), np.concatenate(values, axis=1)


def saliency(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    corrected: bool = True,
    batch_size: int = 256,
) -> Attribution:
    """Largest absolute gradient over the bases at each position.

    `corrected` subtracts the mean over the bases first: the part of the gradient that points off the simplex of
    one-hot vectors says nothing of any substitution (Majdandzic et al. 2023).
    """
    return saliency_of(model, codes, targets=(target,), corrected=corrected, batch_size=batch_size)[0]


def saliency_of(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    targets: Sequence[int],
    corrected: bool = True,
    batch_size: int = 256,
) -> list[Attribution]:
    """`saliency` of several outputs from one pass."""
    codes = require_codes(codes)
    found = _entries(model, codes, targets, corrected=corrected, batch_size=batch_size)
    return [
        make_attribution(codes, np.abs(slope).max(axis=-1), slope, output, method="saliency", target=target)
        for target, slope, output in found
    ]


def _entries(
    model: SequenceModel, codes: np.ndarray, targets: Sequence[int], *, corrected: bool, batch_size: int
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Each target with its gradient (sequence, position, base) and output (sequence,)."""
    slope, output = gradients(model, codes, targets=targets, batch_size=batch_size)
    if corrected:
        slope = slope - slope.mean(axis=-1, keepdims=True)
    return list(zip(targets, slope, output, strict=True))


def input_x_gradient(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    corrected: bool = False,
    batch_size: int = 256,
) -> Attribution:
    """Gradient at the base present; `corrected` as in `saliency`."""
    return input_x_gradient_of(model, codes, targets=(target,), corrected=corrected, batch_size=batch_size)[0]


def input_x_gradient_of(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    targets: Sequence[int],
    corrected: bool = False,
    batch_size: int = 256,
) -> list[Attribution]:
    """`input_x_gradient` of several outputs from one pass."""
    codes = require_codes(codes)
    found = _entries(model, codes, targets, corrected=corrected, batch_size=batch_size)
    return [
        make_attribution(codes, present(slope, codes), slope, output, method="input-x-gradient", target=target)
        for target, slope, output in found
    ]


def integrated_gradients(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    references: np.ndarray | None = None,
    tolerance: float = 0.01,
    max_steps: int = 256,
) -> Attribution:
    """Gradient averaged along straight lines from references to each sequence (Sundararajan et al. 2017).

    Gauss-Legendre steps are doubled, from 8, for the examples whose completeness error exceeds `tolerance`, up to
    `max_steps`; the error that remains is returned for each example.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        codes: uint8 (sequence, position).
        target: output column.
        references: codes (sequence, reference, position); None is a single reference of zeros.
        tolerance: completeness error accepted, relative to the change of output, but not below 1e-3 of it in units
            of the output.
        max_steps: most gradients a line.

    Returns:
        hypothetical: contribution that each base would have along the same gradients.
    """
    return integrated_gradients_of(
        model, codes, targets=(target,), references=references, tolerance=tolerance, max_steps=max_steps
    )[0]


def integrated_gradients_of(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    targets: Sequence[int],
    references: np.ndarray | None = None,
    tolerance: float = 0.01,
    max_steps: int = 256,
) -> list[Attribution]:
    """`integrated_gradients` of several outputs from the same passes; steps double while any output is incomplete."""
    codes = require_codes(codes)
    if references is None:
        references = np.full((len(codes), 1, codes.shape[1]), 4, np.uint8)
    n, shape = references.shape[1], (len(targets), *codes.shape)
    output = outputs_of(model, codes, targets=targets)
    hypothetical, scores, base = np.zeros((*shape, 4)), np.zeros(shape), np.zeros(shape[:2])
    for number in range(n):  # one reference at a time: all at once would hold n times the memory
        reference = references[:, number]
        before = outputs_of(model, reference, targets=targets)
        allowed = np.maximum(tolerance * np.abs(output - before), 1e-3 * tolerance)
        possible, actual = np.zeros_like(hypothetical), np.zeros_like(scores)
        row, steps = np.arange(len(codes)), 8
        while steps <= max_steps and len(row):
            slope = _path_gradient(model, codes[row], reference[row], targets=targets, steps=steps)
            for index in range(len(targets)):
                possible[index, row], actual[index, row] = contributions(slope[index], codes[row], reference[row])
            gap = np.abs(actual[:, row].sum(axis=-1) - (output - before)[:, row])
            row = row[(gap > allowed[:, row]).any(axis=0)]
            steps *= 2
        hypothetical += possible / n
        scores += actual / n
        base += before / n
    gap = np.abs(scores.sum(axis=-1) - (output - base))
    return [
        make_attribution(codes, *each[:3], method="integrated-gradients", target=target, gap=each[3])
        for target, *each in zip(targets, scores, hypothetical, output, gap, strict=True)
    ]


def contributions(slope: np.ndarray, codes: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Contributions from multipliers (sequence, position, base), against one reference each.

    Returns:
        hypothetical (sequence, position, base): multiplier of each base minus that of the reference's base.
        scores (sequence, position): the same for the base present; an unknown base is a vector of zeros.
    """
    left = present(slope, reference)
    return slope - left[..., None], present(slope, codes) - left


def _path_gradient(
    model: SequenceModel,
    codes: np.ndarray,
    reference: np.ndarray,
    *,
    targets: Sequence[int],
    steps: int,
    batch_size: int = 512,
) -> np.ndarray:
    """Mean gradients on the line from reference to codes (target, sequence, position, base)."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    nodes, weights = (nodes + 1) / 2, weights / 2
    device = device_of(model)
    batch_size = max(1, min(batch_size, BASES_IN_A_BATCH // codes.shape[1]))
    result = np.zeros((len(targets), *codes.shape, 4))
    with evaluating(model):
        for rows in batches(len(codes), max(1, batch_size // steps)):
            end, begin = one_hot(codes[rows], device=device), one_hot(reference[rows], device=device)
            points = [begin + float(node) * (end - begin) for node in nodes]
            total: Any = 0
            for chunk in batches(steps, batch_size):
                total = total + _weighted(model, points[chunk], weights[chunk], targets)
            result[:, rows] = total
    return result


def _weighted(model: SequenceModel, points: list[Any], weights: np.ndarray, targets: Sequence[int]) -> np.ndarray:
    """Weighted sums of gradients at points, each (batch, base, position) -> (target, batch, position, base)."""
    import torch

    _, gradient = _gradient(model, torch.cat(points), targets)
    shape = (len(targets), len(points), *points[0].shape)
    stacked = gradient.reshape(shape).transpose(3, 4).cpu().double().numpy()
    return np.tensordot(weights, stacked, axes=(0, 1))
