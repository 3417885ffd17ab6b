"""Enformer: (batch, base=4, position) to (batch, bin, track)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import dropout

from chiasma.methods.regulation.enformer.config import Config
from chiasma.nn.attention_pool import AttentionPool
from chiasma.nn.initialise import initialise_layer
from chiasma.nn.preactivation import PreActivatedConv, gelu
from chiasma.nn.relative_attention import AttentionSize, RelativeAttention, TransformerBlock
from chiasma.nn.relative_basis import enformer_basis
from chiasma.nn.segments import in_segments
from chiasma.nn.track_heads import Outputs, TrackHeads, heads_of
from chiasma.nn.track_trunk import margin, require_length, run_block, trunk_precision


class TowerBlock(nn.Module):
    """A first layer, a residual pointwise one, attention pooling: half the positions."""

    def __init__(self, first: nn.Module, filters: int) -> None:
        super().__init__()
        self.first = first
        self.pointwise = PreActivatedConv(filters, filters)
        self.pool = AttentionPool(filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, position) to (batch, filters, position / 2)."""
        x = self.first(x)
        return self.pool(x + self.pointwise(x))


class Enformer(nn.Module):
    """Stem and tower to bins of 128 bases, transformer over bins, crop, pointwise layer, heads."""

    def __init__(self, config: Config, tracks: Mapping[str, int]) -> None:
        super().__init__()
        self.config = config
        stem = nn.Conv1d(4, config.channels // 2, config.stem_width, padding=config.stem_width // 2)
        initialise_layer(stem, corrected=False)
        widths = [config.channels // 2, *config.filters]
        layers = [PreActivatedConv(a, b, width=config.tower_width) for a, b in pairwise(widths)]
        self.tower = nn.ModuleList(TowerBlock(first, size) for first, size in zip([stem, *layers], widths))
        self.blocks = nn.ModuleList(_transformer_block(config) for _ in range(config.layers))
        self.final = PreActivatedConv(widths[-1], 2 * config.channels)
        self.heads = TrackHeads(2 * config.channels, tracks)

    def forward(self, x: torch.Tensor, head: str | None = None) -> torch.Tensor:
        """Tracks (batch, bin, track) of one head, by default the first."""
        return self.heads(self.trunk(x).transpose(1, 2), head)

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Features of the bins that are left after cropping (batch, channel, bin)."""
        with trunk_precision(x, self.config.trunk_precision):
            tokens = self.local(x).transpose(1, 2)  # (batch, bin, channel)
            for block in self.blocks:
                tokens = run_block(block, tokens, recompute=self.config.checkpointing)
            crop = self.config.crop
            features = self.final(tokens[:, crop : tokens.shape[1] - crop].transpose(1, 2))
            return gelu(dropout(features, self.config.dropout / 8, self.training), "sigmoid")

    def local(self, x: torch.Tensor) -> torch.Tensor:
        """The part that sees neighbours only: (batch, base, position) to (batch, channel, bin)."""
        config = self.config
        cropped = 2 * config.crop * config.bin
        require_length(x.shape[2], step=config.bin, cropped=cropped, usual=config.length)
        if self.training or torch.is_grad_enabled() or not config.segment or x.shape[2] <= config.segment:
            return self._tower(x)[0]
        reach = margin(stem_width=config.stem_width, tower_width=config.tower_width, tower=config.tower)
        return in_segments(self._tower, x, length=config.segment, margin=reach)[0]

    def _tower(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        for block in self.tower:
            x = run_block(block, x, recompute=self.config.checkpointing)
        return (x,)


def _transformer_block(config: Config) -> TransformerBlock:
    size = AttentionSize(config.attention_heads, config.key, config.channels // config.attention_heads)
    attention = RelativeAttention(
        config.channels,
        size,
        features=config.position_features,
        basis=partial(enformer_basis, features=config.position_features),
        dropout=config.attention_dropout,
        position_dropout=config.position_dropout,
    )
    return TransformerBlock(attention, config.channels, dropout=config.dropout, corrected=False)


def build(config: Config, outputs: Outputs = None) -> nn.Module:
    """The network with the heads of the configuration, with one head of `outputs` tracks, or with heads by name."""
    return Enformer(config, heads_of(config.tracks, outputs))
