"""Losses of counts along bins: Poisson, and Poisson of the total with a multinomial of the shape."""

from __future__ import annotations

import math

import torch

_EPSILON = 1e-7
"""Keras's; it keeps the logarithm finite."""


def poisson(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of predicted - target log(predicted) over batch, bins and tracks (batch, bin, track).

    The Poisson log-likelihood without what does not depend on the prediction (Kelley et al. 2018; Avsec et al. 2021).
    """
    predicted, target = predicted.float(), target.float()
    return (predicted - target * torch.log(predicted + _EPSILON)).mean()


def poisson_multinomial(
    predicted: torch.Tensor, target: torch.Tensor, *, total_weight: float = 0.2, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """Poisson loss of each track's total, and the multinomial loss of how it is spread over bins.

    Args:
        predicted: (batch, bin, track), positive.
        target: the same.
        total_weight: of the Poisson part.
        weight: of each bin (bin,), see `position_weights`; both parts see weighted values.

    Returns:
        Mean over batch and tracks of (total_weight x Poisson + multinomial) / number of bins, or sum of the weights.

    Source: Linder et al. 2025, Methods.
    """
    predicted, target = predicted.float(), target.float()
    size = float(predicted.shape[1])
    if weight is not None:
        size = float(weight.sum())
        weight = weight.to(predicted.device)
        predicted, target = predicted * weight[:, None], target * weight[:, None]
    total, observed = predicted.sum(dim=1, keepdim=True), target.sum(dim=1, keepdim=True)  # (batch, 1, track)
    count_loss = total - observed * torch.log(total + _EPSILON)
    # the epsilon is added to the bins only: a total that had it in every bin would be another total
    shape_loss = -(target * torch.log((predicted + _EPSILON) / total)).sum(dim=1, keepdim=True)
    return ((total_weight * count_loss + shape_loss) / size).mean()


def position_weights(bins: int, *, ratio: float, power: float) -> torch.Tensor:
    """Weight of each bin (bin,): 1 in the middle, 1 / ratio at both ends, as exp(-(distance / sigma) ** power).

    The later Borzoi models were trained with ratio 8 and power 6.
    """
    half = bins / 2
    sigma = half / math.log(ratio) ** (1 / power)
    distance = torch.arange(bins) + 0.5 - half
    return torch.exp(-((distance.abs() / sigma) ** power))
