"""Attributions from gradients: saliency, input x gradient, integrated gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.results import Attribution
from chiasma.explain.onehot import (
    SequenceModel,
    batches,
    device_of,
    evaluating,
    make_attribution,
    one_hot,
    outputs,
    present,
    require_codes,
    target_output,
)


def _gradient(model: SequenceModel, x: Any, target: int) -> tuple[Any, Any]:
    """Output (batch,) and its gradient with respect to x (batch, base, position)."""
    import torch

    with torch.enable_grad():
        x = x.detach().requires_grad_()
        output = target_output(model, x, target)
        if not output.requires_grad:
            return output.detach(), torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(output.sum(), x, allow_unused=True)
    return output.detach(), torch.zeros_like(x) if gradient is None else gradient


def differentiable(model: SequenceModel, codes: np.ndarray, *, target: int = 0) -> bool:
    """Whether a gradient of one output reaches the input, tried on the first sequence."""
    import torch

    with evaluating(model), torch.enable_grad():
        x = one_hot(codes[:1], device=device_of(model)).requires_grad_()
        try:
            output = target_output(model, x, target)
        except Exception:  # whatever a model outside torch says of a tensor that records gradients
            return False
        return output.requires_grad and torch.autograd.grad(output.sum(), x, allow_unused=True)[0] is not None


def gradients(
    model: SequenceModel, codes: np.ndarray, *, target: int = 0, batch_size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of one output at each one-hot entry (sequence, position, base), and the outputs (sequence,)."""
    device = device_of(model)
    found, values = [], []
    with evaluating(model):
        for rows in batches(len(codes), batch_size):
            output, gradient = _gradient(model, one_hot(codes[rows], device=device), target)
            found.append(gradient.transpose(1, 2).cpu().double().numpy())
            values.append(output.cpu().double().numpy())
    return np.concatenate(found), np.concatenate(values)


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
    codes = require_codes(codes)
    slope, output = gradients(model, codes, target=target, batch_size=batch_size)
    if corrected:
        slope = slope - slope.mean(axis=-1, keepdims=True)
    scores = np.abs(slope).max(axis=-1)
    return make_attribution(codes, scores, slope, output, method="saliency", target=target)


def input_x_gradient(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    corrected: bool = False,
    batch_size: int = 256,
) -> Attribution:
    """Gradient at the base present; `corrected` as in `saliency`."""
    codes = require_codes(codes)
    slope, output = gradients(model, codes, target=target, batch_size=batch_size)
    if corrected:
        slope = slope - slope.mean(axis=-1, keepdims=True)
    scores = present(slope, codes)
    return make_attribution(codes, scores, slope, output, method="input-x-gradient", target=target)


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
    codes = require_codes(codes)
    if references is None:
        references = np.full((len(codes), 1, codes.shape[1]), 4, np.uint8)
    n = references.shape[1]
    output = outputs(model, codes, target=target)
    hypothetical, scores, base = np.zeros((*codes.shape, 4)), np.zeros(codes.shape), np.zeros(len(codes))
    for number in range(n):  # one reference at a time: all at once would hold n times the memory
        reference = references[:, number]
        before = outputs(model, reference, target=target)
        allowed = np.maximum(tolerance * np.abs(output - before), 1e-3 * tolerance)
        possible, actual = np.zeros_like(hypothetical), np.zeros_like(scores)
        row, steps = np.arange(len(codes)), 8
        while steps <= max_steps and len(row):
            slope = _path_gradient(model, codes[row], reference[row], target=target, steps=steps)
            possible[row], actual[row] = contributions(slope, codes[row], reference[row])
            row = row[np.abs(actual[row].sum(axis=-1) - (output[row] - before[row])) > allowed[row]]
            steps *= 2
        hypothetical += possible / n
        scores += actual / n
        base += before / n
    gap = np.abs(scores.sum(axis=-1) - (output - base))
    return make_attribution(codes, scores, hypothetical, output, method="integrated-gradients", target=target, gap=gap)


def contributions(slope: np.ndarray, codes: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Contributions from multipliers (sequence, position, base), against one reference each.

    Returns:
        hypothetical (sequence, position, base): multiplier of each base minus that of the reference's base.
        scores (sequence, position): the same for the base present; an unknown base is a vector of zeros.
    """
    left = present(slope, reference)
    return slope - left[..., None], present(slope, codes) - left


def _path_gradient(
    model: SequenceModel, codes: np.ndarray, reference: np.ndarray, *, target: int, steps: int, batch_size: int = 512
) -> np.ndarray:
    """Mean gradient on the line from reference to codes (sequence, position, base)."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    nodes, weights = (nodes + 1) / 2, weights / 2
    device = device_of(model)
    result = np.zeros((*codes.shape, 4))
    with evaluating(model):
        for rows in batches(len(codes), max(1, batch_size // steps)):
            end, begin = one_hot(codes[rows], device=device), one_hot(reference[rows], device=device)
            points = [begin + float(node) * (end - begin) for node in nodes]
            total: Any = 0
            for chunk in batches(steps, batch_size):
                total = total + _weighted(model, points[chunk], weights[chunk], target)
            result[rows] = total
    return result


def _weighted(model: SequenceModel, points: list[Any], weights: np.ndarray, target: int) -> np.ndarray:
    """Weighted sum of gradients at points, each (batch, base, position) -> (batch, position, base)."""
    import torch

    _, gradient = _gradient(model, torch.cat(points), target)
    stacked = gradient.reshape(len(points), *points[0].shape).transpose(2, 3).cpu().double().numpy()
    return np.tensordot(weights, stacked, axes=1)
