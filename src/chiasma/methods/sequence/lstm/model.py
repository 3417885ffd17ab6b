"""The recurrent network: (batch, base=4, position) to (batch, output)."""

from __future__ import annotations

import torch
from torch import nn

from chiasma.methods.sequence.lstm.config import Config
from chiasma.nn.blocks import BinnedHead, MotifScanner


class RecurrentNetwork(nn.Module):
    """Motif scanner, bidirectional LSTM over its bins, binned dense head."""

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        self.scanner = MotifScanner(config.filters, width=config.width, pool=config.pool)
        self.lstm = nn.LSTM(
            config.filters,
            config.units,
            num_layers=config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.head = BinnedHead(
            2 * config.units, outputs, bins=config.bins, hidden=config.hidden, dropout=config.dropout
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or values of a regression."""
        found = self.scanner(x).transpose(1, 2)  # (batch, bin, channel)
        read, _ = self.lstm(found)  # (batch, bin, 2 * unit)
        return self.head(read.transpose(1, 2))


def build(config: Config, outputs: int) -> nn.Module:
    """The network with `outputs` classes, labels or tracks, initialised from torch's global generator."""
    return RecurrentNetwork(config, outputs)
