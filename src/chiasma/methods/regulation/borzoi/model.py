"""Borzoi: (batch, base=4, position) to (batch, bin, track)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import dropout, max_pool1d

from chiasma.methods.regulation.borzoi.config import Config
from chiasma.nn.initialise import initialise_layer
from chiasma.nn.preactivation import PreActivatedConv, gelu
from chiasma.nn.relative_attention import AttentionSize, RelativeAttention, TransformerBlock
from chiasma.nn.relative_basis import borzoi_basis
from chiasma.nn.rotary_attention import RotaryAttention
from chiasma.nn.segments import in_segments
from chiasma.nn.track_heads import Outputs, TrackHeads, heads_of
from chiasma.nn.track_trunk import margin, require_length, run_block, trunk_precision
from chiasma.nn.unet import UpsampleJoin

_EPSILON = 1e-3
"""Of batch and layer norms: Keras's default."""


class Borzoi(nn.Module):
    """Tower to tokens of 128 bases, transformer, U-Net back to bins of 32, crop, pointwise layer, heads."""

    def __init__(self, config: Config, tracks: Mapping[str, int]) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv1d(4, config.stem_filters, config.stem_width, padding=config.stem_width // 2)
        initialise_layer(self.stem)
        widths = [config.stem_filters, *config.filters]
        layer = partial(PreActivatedConv, kind="tanh", epsilon=_EPSILON, corrected=True)
        self.tower = nn.ModuleList(layer(a, b, width=config.tower_width) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(_transformer_block(config) for _ in range(config.layers))
        seen = config.filters[::-1][: config.upsampling]  # of the finest last
        self.joins = nn.ModuleList(UpsampleJoin(config.channels, fine, epsilon=_EPSILON) for fine in seen)
        last = config.final_channels
        self.final = None if last is None else layer(config.channels, last)
        self.heads = TrackHeads(last or config.channels, tracks, corrected=True)

    def forward(self, x: torch.Tensor, head: str | None = None) -> torch.Tensor:
        """Tracks (batch, bin, track) of one head, by default the first."""
        return self.heads(self.trunk(x).transpose(1, 2), head)

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Features of the bins that are left after cropping (batch, channel, bin)."""
        config = self.config
        with trunk_precision(x, config.trunk_precision):
            *seen, pooled = self.local(x)
            tokens = pooled.transpose(1, 2)  # (batch, token, channel)
            for block in self.blocks:
                tokens = run_block(block, tokens, recompute=self.config.checkpointing)
            up = tokens.transpose(1, 2)  # (batch, channel, token)
            for join in self.joins:
                up = join(up, seen.pop())
            up = up[:, :, config.crop : up.shape[2] - config.crop]
            if self.final is not None:
                up = dropout(self.final(up), config.final_dropout, self.training)
            return gelu(up, "tanh")

    def local(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The part that sees neighbours only: what the last blocks of the tower saw before pooling, then tokens."""
        config = self.config
        cropped = 2 * config.crop * config.bin
        require_length(x.shape[2], step=config.token, cropped=cropped, usual=config.length)
        if self.training or torch.is_grad_enabled() or not config.segment or x.shape[2] <= config.segment:
            return self._tower(x)
        reach = margin(stem_width=config.stem_width, tower_width=config.tower_width, tower=config.tower)
        return in_segments(self._tower, x, length=config.segment, margin=reach)

    def _tower(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = max_pool1d(self.stem(x), 2)
        seen = []
        for block in self.tower:
            x = run_block(block, x, recompute=self.config.checkpointing)
            seen.append(x)
            x = max_pool1d(x, 2)
        return *seen[len(seen) - self.config.upsampling :], x


def _transformer_block(config: Config) -> TransformerBlock:
    if config.attention == "rotary":
        attention: nn.Module = RotaryAttention(
            config.channels,
            heads=config.attention_heads,
            groups=config.attention_heads // 2,
            rotated=config.rotated,
            dropout=config.attention_dropout,
        )
    else:
        features = config.position_features
        attention = RelativeAttention(
            config.channels,
            AttentionSize(config.attention_heads, config.key, config.value),
            features=features,
            basis=partial(borzoi_basis, features=features, reference=config.length // config.token),
            dropout=config.attention_dropout,
            position_dropout=config.position_dropout,
        )
    return TransformerBlock(attention, config.channels, dropout=config.dropout, epsilon=_EPSILON, scale=2.0)


def build(config: Config, outputs: Outputs = None) -> nn.Module:
    """The network with the heads of the configuration, with one head of `outputs` tracks, or with heads by name."""
    return Borzoi(config, heads_of(config.tracks, outputs))
