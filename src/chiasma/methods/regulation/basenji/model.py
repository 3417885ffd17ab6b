"""Basenji: (batch, base=4, position) to (batch, bin, track)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.functional import max_pool1d, pad

from chiasma.methods.regulation.basenji.config import Config
from chiasma.nn.initialise import initialise_layer
from chiasma.nn.preactivation import Gelu, gelu
from chiasma.nn.track_heads import Outputs, TrackHeads, heads_of
from chiasma.nn.track_trunk import require_length, run_block, trunk_precision

_EPSILON = 1e-3
"""Of the batch norms: Keras's default."""


class NormedConv(nn.Module):
    """A convolution without bias and the batch norm after it, with the positions at both ends padded by zeros."""

    def __init__(self, channels: int, filters: int, *, width: int = 1, dilation: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        reach = dilation * (width - 1)
        self.margins = (reach // 2, reach - reach // 2)
        self.convolution = nn.Conv1d(channels, filters, width, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(filters, eps=_EPSILON, momentum=0.1)
        initialise_layer(self.convolution, scale=2.0)
        nn.init.constant_(self.norm.weight, gain)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, position) to (batch, filters, position)."""
        return self.norm(self.convolution(pad(x, self.margins) if any(self.margins) else x))


class FirstBlock(nn.Module):
    """Convolution, norm, ReLU, pooling, dropout (2018)."""

    def __init__(
        self, channels: int, filters: int, *, width: int = 1, dilation: int = 1, pool: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layer = NormedConv(channels, filters, width=width, dilation=dilation)
        self.pool, self.dropout = pool, nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, position) to (batch, filters, position // pool)."""
        x = torch.relu(self.layer(x))
        return self.dropout(max_pool1d(x, self.pool) if self.pool > 1 else x)


class DenseDilated(nn.Module):
    """A dilated block whose output is set beside its input (2018)."""

    def __init__(self, channels: int, filters: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.block = FirstBlock(channels, filters, width=3, dilation=dilation, dropout=dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, bin) to (batch, channel + filters, bin)."""
        return torch.cat([x, self.block(x)], dim=1)


class SecondBlock(nn.Module):
    """GELU, convolution, norm, dropout, pooling (2020). Of the raw sequence the GELU is taken too, as published."""

    def __init__(
        self, channels: int, filters: int, kind: Gelu, *, width: int = 1, pool: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layer = NormedConv(channels, filters, width=width)
        self.kind: Gelu = kind
        self.pool, self.dropout = pool, nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, position) to (batch, filters, position // pool)."""
        x = self.dropout(self.layer(gelu(x, self.kind)))
        return max_pool1d(x, self.pool) if self.pool > 1 else x


class ResidualDilated(nn.Module):
    """A dilated convolution and a pointwise one, added to the input; the second begins at 0 (2020)."""

    def __init__(self, channels: int, filters: int, kind: Gelu, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.wide = NormedConv(channels, filters, width=3, dilation=dilation)
        self.back = NormedConv(filters, channels, gain=0.0)
        self.kind: Gelu = kind
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, bin) to the same shape."""
        hidden = self.wide(gelu(x, self.kind))
        return x + self.dropout(self.back(gelu(hidden, self.kind)))


class Basenji(nn.Module):
    """Tower to bins of 128 bases, dilated convolutions over bins, crop, pointwise layer, heads."""

    def __init__(self, config: Config, tracks: Mapping[str, int]) -> None:
        super().__init__()
        self.config = config
        first, kind = config.edition == "first", config.gelu
        widths = [4, *(block.filters for block in config.tower)]
        drop = config.tower_dropout
        tower: list[nn.Module] = []
        for channels, block in zip(widths, config.tower):
            width, pool = block.width, block.pool
            if first:
                tower.append(FirstBlock(channels, block.filters, width=width, pool=pool, dropout=drop))
            else:
                tower.append(SecondBlock(channels, block.filters, kind, width=width, pool=pool, dropout=drop))
        self.tower = nn.Sequential(*tower)
        last, filters, drop = widths[-1], config.dilated_filters, config.dilated_dropout
        dilated: list[nn.Module] = []
        for number, dilation in enumerate(config.dilations):
            if first:
                dilated.append(DenseDilated(last + number * filters, filters, dilation=dilation, dropout=drop))
            else:
                dilated.append(ResidualDilated(last, filters, kind, dilation=dilation, dropout=drop))
        self.dilated = nn.ModuleList(dilated)
        channels, end = last + len(dilated) * filters if first else last, config.final_channels
        if first:
            self.final: nn.Module = FirstBlock(channels, end, dropout=config.final_dropout)
        else:
            self.final = SecondBlock(channels, end, kind, dropout=config.final_dropout)
        self.heads = TrackHeads(end, tracks, link=config.link, corrected=True)

    def forward(self, x: torch.Tensor, head: str | None = None) -> torch.Tensor:
        """Tracks (batch, bin, track) of one head, by default the first."""
        return self.heads(self.trunk(x).transpose(1, 2), head)

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Features of the bins that are left after cropping (batch, channel, bin)."""
        config = self.config
        cropped = 2 * config.crop * config.bin
        require_length(x.shape[2], step=config.bin, cropped=cropped, usual=config.length)
        with trunk_precision(x, config.trunk_precision):
            for block in (*self.tower, *self.dilated):
                x = run_block(block, x, recompute=self.config.checkpointing)
            x = self.final(x[:, :, config.crop : x.shape[2] - config.crop])
            return gelu(x, config.gelu) if config.edition == "second" else x


def build(config: Config, outputs: Outputs = None) -> nn.Module:
    """The network with the heads of the configuration, with one head of `outputs` tracks, or with heads by name."""
    return Basenji(config, heads_of(config.tracks, outputs))
