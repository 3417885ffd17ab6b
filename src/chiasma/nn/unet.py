"""The way back up in a U-Net: coarse features are spread over finer positions and joined with those seen before."""

from __future__ import annotations

import torch
from torch import nn

from chiasma.nn.preactivation import Gelu, PreActivatedConv


class UpsampleJoin(nn.Module):
    """separable(up(dense(coarse)) + dense(fine)): twice as many positions (Borzoi).

    Args:
        channels: of the coarse features and of the result.
        fine: channels of the features that were seen before pooling.
        width: positions of the separable convolution, odd.
        kind: of the GELU.
        epsilon: of the batch norms.

    (batch, channel, position / 2) and (batch, fine, position) -> (batch, channel, position).
    """

    def __init__(self, channels: int, fine: int, *, width: int = 3, kind: Gelu = "tanh", epsilon: float = 1e-3) -> None:
        super().__init__()
        self.coarse = PreActivatedConv(channels, channels, kind=kind, epsilon=epsilon, corrected=True)
        self.fine = PreActivatedConv(fine, channels, kind=kind, epsilon=epsilon, corrected=True)
        self.depthwise = nn.Conv1d(channels, channels, width, padding=width // 2, groups=channels, bias=False)
        self.pointwise = nn.Conv1d(channels, channels, 1)
        assert self.pointwise.bias is not None
        # Keras counts (width, channel, 1) of the depthwise kernel as channels * width in, width out
        nn.init.uniform_(self.depthwise.weight, -1.0, 1.0)
        with torch.no_grad():
            self.depthwise.weight.mul_((6.0 / (channels * width + width)) ** 0.5)
        nn.init.xavier_uniform_(self.pointwise.weight)
        nn.init.zeros_(self.pointwise.bias)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """Spread, add, smooth."""
        spread = self.coarse(coarse).repeat_interleave(2, dim=2)
        return self.pointwise(self.depthwise(spread + self.fine(fine)))
