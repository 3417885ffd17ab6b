"""Convolution after normalisation and activation: the unit of Enformer's and Borzoi's towers."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from chiasma.nn.initialise import initialise_layer

Gelu = Literal["sigmoid", "tanh"]
"""Which approximation: x times sigmoid(1.702 x) (Enformer, early Basenji), or the one with tanh (Borzoi)."""

_SLOPE = 1.702


def gelu(x: torch.Tensor, kind: Gelu) -> torch.Tensor:
    """The activation, elementwise."""
    if kind == "tanh":
        return functional.gelu(x, approximate="tanh")
    return functional.silu(_SLOPE * x) / _SLOPE


class PreActivatedConv(nn.Module):
    """Batch norm, GELU, convolution: (batch, channel, position) to (batch, channel, position).

    Args:
        channels: of the input.
        filters: channels of the output.
        width: positions a filter sees, odd.
        kind: of the GELU.
        epsilon: added to the variance.
        corrected: see `scaled_normal_`.

    The momentum of the running statistics is 0.9 in the originals' sense (0.1 in torch's).
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        *,
        width: int = 1,
        kind: Gelu = "sigmoid",
        epsilon: float = 1e-5,
        corrected: bool = False,
    ) -> None:
        super().__init__()
        self.kind: Gelu = kind
        self.norm = nn.BatchNorm1d(channels, eps=epsilon, momentum=0.1)
        self.convolution = nn.Conv1d(channels, filters, width, padding=width // 2)
        initialise_layer(self.convolution, corrected=corrected)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise, activate, convolve."""
        if self.training or torch.is_grad_enabled():
            return self.convolution(gelu(self.norm(x), self.kind))
        return self._without_gradient(x)

    def _without_gradient(self, x: torch.Tensor) -> torch.Tensor:
        """The same in two passes over memory: the slope goes into the norm before and the weights after."""
        norm, layer = self.norm, self.convolution
        slope = _SLOPE if self.kind == "sigmoid" else 1.0
        hidden = functional.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight * slope, norm.bias * slope, eps=norm.eps
        )
        if self.kind == "sigmoid":
            functional.silu(hidden, inplace=True)
        else:
            hidden = functional.gelu(hidden, approximate="tanh")
        return functional.conv1d(hidden, layer.weight / slope, layer.bias, padding=layer.padding)
