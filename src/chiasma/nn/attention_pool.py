"""Pooling of pairs of positions by attention over the two (Enformer)."""

from __future__ import annotations

import torch
from torch import nn


class AttentionPool(nn.Module):
    """Each channel of a pair of positions becomes their average, weighted by a softmax of W x over the two.

    W begins as twice the identity, which prefers the larger (Avsec et al. 2021, Methods). A softmax over two is a
    sigmoid of the difference, so W is applied once to a pair rather than to both of its members. A last position
    without a partner stays as it is.

    (batch, channel, position) -> (batch, channel, ceil(position / 2)).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logits = nn.Conv1d(channels, channels, 1, bias=False)
        nn.init.dirac_(self.logits.weight)
        with torch.no_grad():
            self.logits.weight.mul_(2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool."""
        pairs = x.shape[2] // 2
        if pairs == 0:
            return x
        first, second = x[..., 0 : 2 * pairs : 2], x[..., 1 : 2 * pairs : 2]  # (batch, channel, pair)
        difference = first - second
        pooled = torch.addcmul(second, self.logits(difference).sigmoid(), difference)
        return pooled if x.shape[2] == 2 * pairs else torch.cat([pooled, x[..., -1:]], dim=2)
