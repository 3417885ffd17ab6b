"""The transformer: (batch, base=4, position) to (batch, output), with its attention to look at."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import max_pool1d

from chiasma.methods.sequence.transformer.config import Config
from chiasma.nn.attention import AttentionBlock, sinusoids
from chiasma.nn.blocks import BinnedHead, MotifScanner


class Transformer(nn.Module):
    """Tokens from a motif scanner (or of single bases), attention blocks, binned dense head."""

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        self.pool = config.pool
        if config.stem:
            self.stem: nn.Module = MotifScanner(config.channels, width=config.width, pool=config.pool)
        else:
            self.stem = nn.Conv1d(4, config.channels, config.pool, stride=config.pool)
        self.blocks = nn.ModuleList(
            AttentionBlock(config.channels, heads=config.heads, expansion=config.expansion, dropout=config.dropout)
            for _ in range(config.layers)
        )
        self.normalise = nn.LayerNorm(config.channels)
        self.head = BinnedHead(config.channels, outputs, bins=config.bins, hidden=config.hidden, dropout=config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or values of a regression."""
        tokens, mask = self._tokens(x)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.head(self.normalise(tokens).transpose(1, 2))

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """Attention weights (layer, batch, head, query, key); a query or key is a token of `pool` bases."""
        tokens, mask = self._tokens(x)
        maps = []
        for block in self.blocks:
            assert isinstance(block, AttentionBlock)
            maps.append(block.attention.weights(block.before_attention(tokens), mask))
            tokens = block(tokens, mask)
        return torch.stack(maps)

    def _tokens(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (batch, token, channel) with their positions, and which of them hold any known base (batch, token)."""
        tokens = self.stem(x).transpose(1, 2)
        tokens = tokens + sinusoids(tokens.shape[1], tokens.shape[2], device=x.device).to(tokens.dtype)
        known = max_pool1d(x.detach().abs().sum(dim=1), self.pool) > 0  # (batch, token)
        # Padding is not attended to; a sequence with no known base at all attends to everything, rather than nothing.
        return tokens, known | ~known.any(dim=1, keepdim=True)


def build(config: Config, outputs: int) -> nn.Module:
    """The network with `outputs` classes, labels or tracks, initialised from torch's global generator."""
    return Transformer(config, outputs)
