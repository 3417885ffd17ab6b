"""Self-attention that knows distances (Transformer-XL's form, as in Enformer and Borzoi), and the block around it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from chiasma.nn.initialise import initialise_layer, scaled_normal_
from chiasma.nn.relative_basis import Basis

_ROWS = 512
"""Queries whose logits are held at a time."""


class AttentionSize(NamedTuple):
    """Heads, and channels of keys and values in each."""

    heads: int
    key: int
    value: int


class RelativeAttention(nn.Module):
    """logit(i, j) = (q_i + u) k_j + (q_i + v) r(j - i), with r a projection of a basis of distances.

    Args:
        channels: of input and output.
        size: heads and their channels.
        features: functions in the basis.
        basis: from a number of positions to (2 * position - 1, feature).
        dropout: share of attention weights left out in training.
        position_dropout: share of basis values left out in training.

    (batch, token, channel) to the same shape. The output projection begins at 0.
    """

    def __init__(
        self,
        channels: int,
        size: AttentionSize,
        *,
        features: int,
        basis: Basis,
        dropout: float = 0.0,
        position_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.size, self.basis, self.dropout = size, basis, dropout
        self.query = nn.Linear(channels, size.heads * size.key, bias=False)
        self.key = nn.Linear(channels, size.heads * size.key, bias=False)
        self.value = nn.Linear(channels, size.heads * size.value, bias=False)
        self.distance = nn.Linear(features, size.heads * size.key, bias=False)
        self.content_bias = nn.Parameter(torch.empty(1, size.heads, 1, size.key))
        self.distance_bias = nn.Parameter(torch.empty(1, size.heads, 1, size.key))
        self.output = nn.Linear(size.heads * size.value, channels)
        self.position_dropout = nn.Dropout(position_dropout)
        for layer in (self.query, self.key, self.value, self.distance):
            initialise_layer(layer, scale=2.0)
        for bias in (self.content_bias, self.distance_bias):
            scaled_normal_(bias, scale=2.0, fan_in=size.heads)  # TensorFlow's fan of a (1, heads, 1, key) kernel
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend."""
        content, spatial, key, value, distance = self._projections(x)
        dropout = self.dropout if self.training else 0.0
        mixed = [
            scaled_dot_product_attention(
                content[:, :, rows],
                key,
                value,
                attn_mask=_distance_logits(spatial, distance, rows),
                dropout_p=dropout,
                scale=1.0,
            )
            for rows in _row_blocks(x.shape[1])
        ]
        return self.output(torch.cat(mixed, dim=2).transpose(1, 2).flatten(2))

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """The attention itself (batch, head, query, key); rows sum to one."""
        content, spatial, key, _, distance = self._projections(x)
        logits = [
            content[:, :, rows] @ key.transpose(2, 3) + _distance_logits(spatial, distance, rows)
            for rows in _row_blocks(x.shape[1])
        ]
        return torch.cat(logits, dim=2).softmax(dim=-1)

    def _projections(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries by content and distance, keys, values (batch, head, token, _); distances (head, 2 token - 1, _)."""
        heads = self.size.heads
        query, key, value = (
            layer(x).unflatten(2, (heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        query = query * self.size.key**-0.5
        basis = self.basis(x.shape[1]).to(x.device, self.distance.weight.dtype)
        distance = self.distance(self.position_dropout(basis)).unflatten(1, (heads, -1)).transpose(0, 1)
        return query + self.content_bias, query + self.distance_bias, key, value, distance


def _row_blocks(tokens: int) -> list[slice]:
    return [slice(start, min(start + _ROWS, tokens)) for start in range(0, tokens, _ROWS)]


def _distance_logits(query: torch.Tensor, distance: torch.Tensor, rows: slice) -> torch.Tensor:
    """Products of some queries with the vector of each distance, sorted by key: (batch, head, row, key).

    Only the distances that these rows meet are multiplied, and sorting by key instead of by distance is a view:
    row i of (row, distance) begins one further left than row i - 1, which is what a row shorter by one amounts to.
    """
    tokens, count = query.shape[2], rows.stop - rows.start
    met = distance[:, tokens - rows.stop : 2 * tokens - 1 - rows.start]  # (head, token + row - 1, key)
    by_distance = query[:, :, rows] @ met.transpose(1, 2)  # (batch, head, row, token + row - 1)
    width = tokens + count - 2
    if count == 1:
        return by_distance
    shifted = by_distance.flatten(2)[..., count - 1 : count - 1 + count * width]
    return shifted.unflatten(2, (count, width))[..., :tokens]


class TransformerBlock(nn.Module):
    """x + attention(norm x), then x + network(norm x) with one hidden layer of ReLU: (batch, token, channel).

    Args:
        attention: any module of unchanged shape.
        channels: of a token.
        dropout: share of units left out in training, after attention and in the network.
        epsilon: of the layer norms.
        scale: of the network's initial weights, see `scaled_normal_`.
        corrected: see `scaled_normal_`.
    """

    def __init__(
        self,
        attention: nn.Module,
        channels: int,
        *,
        dropout: float,
        epsilon: float = 1e-5,
        scale: float = 1.0,
        corrected: bool = True,
    ) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(channels, eps=epsilon)
        self.attention = attention
        self.before_network = nn.LayerNorm(channels, eps=epsilon)
        self.expand, self.contract = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.expand, self.contract):
            initialise_layer(layer, scale=scale, corrected=corrected)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend, then compute at each token."""
        x = x + self.dropout(self.attention(self.before_attention(x)))
        hidden = torch.relu(self.dropout(self.expand(self.before_network(x))))
        return x + self.dropout(self.contract(hidden))
