"""Blocks that several sequence networks share. All take and return (batch, channel, position) unless they say so."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Activation = Literal["relu", "exp", "gelu"]


class Exponential(nn.Module):
    """e to the x: the first-layer activation that makes filters read as motifs (Koo & Ploenzke 2021)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Elementwise."""
        return torch.exp(x)


def make_activation(name: Activation) -> nn.Module:
    """The activation of that name."""
    return {"relu": nn.ReLU, "exp": Exponential, "gelu": nn.GELU}[name]()


class MotifScanner(nn.Module):
    """A wide first convolution that scans for motifs, then max-pooling to bins.

    Args:
        filters: number of motif detectors.
        width: bases that each sees; odd.
        pool: positions in a bin.
        activation: relu, or exp for filters that are easier to read.

    (batch, base=4, position) -> (batch, channel=filters, bin=position // pool).
    """

    def __init__(self, filters: int, *, width: int, pool: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.scan = nn.Conv1d(4, filters, width, padding=width // 2)
        self.activation = make_activation(activation)
        self.pool = nn.MaxPool1d(pool)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scan, activate, keep the best position of each bin."""
        return self.pool(self.activation(self.scan(x)))


class ResidualConv(nn.Module):
    """x + dropout(convolution(relu(x))), of unchanged shape; dilated on request."""

    def __init__(self, channels: int, *, width: int, dilation: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.convolution = nn.Conv1d(channels, channels, width, padding=dilation * (width // 2), dilation=dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the convolution finds to what was there."""
        return x + self.dropout(self.convolution(self.activation(x)))


class BinnedHead(nn.Module):
    """From features at any number of positions to outputs: average in a few bins, one hidden layer, outputs.

    The bins keep where along the sequence something was seen, without fixing the sequence's length.

    (batch, channel, position) -> (batch, output).
    """

    def __init__(self, channels: int, outputs: int, *, bins: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool1d(bins)
        self.layers = nn.Sequential(
            nn.Flatten(),  # (batch, channel * bin)
            nn.Dropout(dropout),
            nn.Linear(channels * bins, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (batch, output): logits, or values of a regression."""
        return self.layers(self.pool(x))
