"""Weight initialisation as the TensorFlow originals do it, which torch's defaults are not."""

from __future__ import annotations

import math

import torch
from torch import nn

_TRUNCATED = 0.8796256610342398
"""Standard deviation of a unit normal cut at two deviations: Keras divides by it, Sonnet's default does not."""


def scaled_normal_(values: torch.Tensor, *, scale: float, fan_in: int, corrected: bool = True) -> None:
    """Fill with a normal cut at two deviations, of variance `scale / fan_in`.

    Args:
        values: filled in place.
        scale: 1 is LeCun's, 2 is He's.
        fan_in: inputs that one output sums over.
        corrected: make up for the cut (Keras and Sonnet's VarianceScaling); Sonnet's default layers do not.
    """
    deviation = math.sqrt(scale / max(fan_in, 1)) / (_TRUNCATED if corrected else 1.0)
    with torch.no_grad():
        nn.init.trunc_normal_(values, std=deviation, a=-2 * deviation, b=2 * deviation)


def initialise_layer(layer: nn.Conv1d | nn.Linear, *, scale: float = 1.0, corrected: bool = True) -> None:
    """Weights of a convolution or dense layer as `scaled_normal_`, bias 0."""
    scaled_normal_(layer.weight, scale=scale, fan_in=layer.weight[0].numel(), corrected=corrected)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
