"""The convolutional network: (batch, base=4, position) to (batch, output)."""

from __future__ import annotations

import torch
from torch import nn

from chiasma.methods.sequence.cnn.config import Config
from chiasma.nn.blocks import BinnedHead, MotifScanner, ResidualConv


class ConvolutionalNetwork(nn.Module):
    """Motif scanner, dilated residual convolutions, binned dense head.

    Attributes:
        trunk: all convolutions, (batch, base, position) -> (batch, channel, bin).
        head: (batch, channel, bin) -> (batch, output).
    """

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        scanner = MotifScanner(config.filters, width=config.width, pool=config.pool, activation=config.activation)
        layers = [
            ResidualConv(
                config.filters,
                width=config.layer_width,
                dilation=config.dilation_growth**layer,
                dropout=config.dropout,
            )
            for layer in range(config.layers)
        ]
        self.trunk = nn.Sequential(scanner, *layers)
        self.head = BinnedHead(config.filters, outputs, bins=config.bins, hidden=config.hidden, dropout=config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or values of a regression."""
        return self.head(self.trunk(x))


def build(config: Config, outputs: int) -> nn.Module:
    """The network with `outputs` classes, labels or tracks, initialised from torch's global generator."""
    return ConvolutionalNetwork(config, outputs)
