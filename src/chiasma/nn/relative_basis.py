"""Functions of the distance between two positions, on which relative attention is built (Enformer, Borzoi).

All return (2 * length - 1, feature) for the distances -(length - 1) ... length - 1. Features come in pairs: f(|d|)
for the first half, sign(d) f(|d|) for the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch

Basis = Callable[[int], torch.Tensor]
"""From a number of positions to the features of their distances."""


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def enformer_basis(length: int, features: int) -> torch.Tensor:
    """Exponentials, central masks and gamma densities of the distance, `features / 6` of each, twice.

    Each gamma density is divided by its own largest value over all distances; only so is the table of the released
    model met (Avsec et al. 2021, Methods; checked against the table for 1,536 positions). Single precision, for the
    released model was trained on a table of that precision.
    """
    count = features // 6
    distance = torch.arange(-length + 1, length, device="cpu")
    size = distance.abs().float()[:, None]  # (distance, 1)
    half_life = 2 ** torch.linspace(3.0, math.log2(length), count, device="cpu")
    exponential = torch.exp(-math.log(2.0) / half_life * size)
    width = 2.0 ** torch.arange(1, count + 1, device="cpu") - 1
    mask = (width > size).float()
    return _both_signs(torch.cat([exponential, mask, _gamma_densities(size, length, count)], dim=1), distance)


def _gamma_densities(size: torch.Tensor, length: int, count: int) -> torch.Tensor:
    mean = torch.linspace(length / count, length, count, device="cpu")
    deviation = length / (2 * count)
    shape, rate = (mean / deviation) ** 2, mean / deviation**2
    log_density = torch.xlogy(shape - 1, size) - rate * size - (torch.lgamma(shape) - shape * torch.log(rate))
    density = log_density.exp() + 1e-8
    return density / density.amax(dim=0, keepdim=True)


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def borzoi_basis(length: int, features: int, reference: int) -> torch.Tensor:
    """Central masks alone, `features / 2` of them, twice; their widths grow geometrically up to `reference`.

    Args:
        length: positions.
        features: even.
        reference: positions for which the widths are laid out: those of the training.

    Source: Linder et al. 2025, Methods.
    """
    count = features // 2
    distance = torch.arange(-length + 1, length, device="cpu")
    growth = math.exp(math.log(reference + 1) / count)
    width = torch.pow(growth, torch.arange(1, count + 1, device="cpu")).float() - 1
    return _both_signs((width > distance.abs()[:, None]).float(), distance)


def _both_signs(even: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    return torch.cat([even, torch.sign(distance)[:, None] * even], dim=1)
