"""Self-attention whose weights can be looked at, and fixed positional encodings."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


def sinusoids(positions: int, channels: int, *, device: torch.device | None = None) -> torch.Tensor:
    """Sines and cosines of position at geometric wavelengths (position, channel).

    Source: Vaswani et al. 2017, section 3.5. `channels` is even.
    """
    rates = torch.exp(-math.log(10_000.0) * torch.arange(0, channels, 2, device=device) / channels)  # (channel / 2,)
    angles = torch.arange(positions, device=device)[:, None] * rates[None, :]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(positions, channels)


class SelfAttention(nn.Module):
    """Multi-head attention of every position to every other: (batch, position, channel) to the same shape."""

    def __init__(self, channels: int, *, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.projection = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)

    def _queries_keys_values(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        batch, position, channels = x.shape
        split = self.projection(x).reshape(batch, position, 3, self.heads, channels // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, head, position, channel / head)
        return query, key, value

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Attend; `mask` (batch, position) is True where a position may be attended to."""
        query, key, value = self._queries_keys_values(x)
        allowed = None if mask is None else mask[:, None, None, :]  # (batch, head, query, key)
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)
        return self.output(mixed.transpose(1, 2).reshape(x.shape))

    def weights(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The attention itself (batch, head, query, key); rows sum to one."""
        query, key, _ = self._queries_keys_values(x)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
        return scores.softmax(dim=-1)


class AttentionBlock(nn.Module):
    """Attention, then a two-layer network at each position, each normalised first and added to its input."""

    def __init__(self, channels: int, *, heads: int, expansion: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(channels)
        self.attention = SelfAttention(channels, heads=heads, dropout=dropout)
        self.before_network = nn.LayerNorm(channels)
        self.network = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.GELU(), nn.Linear(expansion * channels, channels)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, position, channel) to the same shape."""
        x = x + self.dropout(self.attention(self.before_attention(x), mask))
        return x + self.dropout(self.network(self.before_network(x)))
