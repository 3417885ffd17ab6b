"""Attention with rotated queries and keys, shared by groups of heads (Flashzoi)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class RotaryAttention(nn.Module):
    """Self-attention whose queries and keys are turned by an angle that grows with position.

    Nothing depends on distance but the logits themselves, so torch's fused kernels serve it on a GPU.

    Args:
        channels: of input and output; `channels / heads` in a head.
        heads: of queries.
        groups: of keys and values, each shared by `heads / groups` consecutive heads.
        rotated: channels of a head that turn, the first ones; even.
        base: ratio of the slowest to the fastest turning.
        dropout: share of attention weights left out in training.

    (batch, token, channel) to the same shape. Source: Su et al. 2021, eq. 34; Hingerl et al. 2024.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        groups: int,
        rotated: int,
        base: float = 20_000.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.groups, self.rotated, self.base, self.dropout = heads, groups, rotated, base, dropout
        self.head_channels = channels // heads
        self.projection = nn.Linear(channels, self.head_channels * (heads + 2 * groups))
        self.output = nn.Linear(channels, channels)
        nn.init.kaiming_normal_(self.projection.weight, nonlinearity="relu")
        nn.init.ones_(self.projection.bias)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend."""
        split = [self.heads, self.groups, self.groups]
        by_head = self.projection(x).unflatten(2, (-1, self.head_channels)).transpose(1, 2)
        query, key, value = by_head.split(split, dim=1)  # (batch, head or group, token, channel)
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(
            self._rotate(query), self._rotate(key), value, dropout_p=dropout, enable_gqa=self.heads != self.groups
        )
        return self.output(mixed.transpose(1, 2).flatten(2))

    def _rotate(self, x: torch.Tensor) -> torch.Tensor:
        """Turn channel c together with channel c + rotated / 2, for the first half of those rotated."""
        half = self.rotated // 2
        rate = self.base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
        angle = torch.arange(x.shape[2], device=x.device, dtype=torch.float32)[:, None] * rate  # (token, half)
        cosine, sine = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        first, second, rest = x.split([half, half, x.shape[3] - self.rotated], dim=3)
        return torch.cat([first * cosine - second * sine, first * sine + second * cosine, rest], dim=3)
