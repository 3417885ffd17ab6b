"""From features of bins to tracks, one head for each species, always in single precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from chiasma.core.errors import unknown_name
from chiasma.nn.initialise import initialise_layer

Link = Literal["softplus", "exp-linear"]


Outputs = int | Mapping[str, int] | None
"""What a network is built for: tracks of one head, of each head by name, or those of its configuration."""


def heads_of(configured: Mapping[str, int], outputs: Outputs) -> Mapping[str, int]:
    """Tracks by head of a network built for `outputs`."""
    if outputs is None:
        return configured
    return {"tracks": outputs} if isinstance(outputs, int) else outputs


class TrackHeads(nn.Module):
    """A dense layer for each species and a link that keeps its tracks positive.

    Args:
        channels: features of a bin.
        tracks: number of tracks by name of the head; the first is the default.
        link: softplus, or exp-linear: e to the x below 0, x + 1 above.
        corrected: see `scaled_normal_`.

    (batch, bin, channel) -> (batch, bin, track), float32 whatever precision surrounds it: a sum of thousands of
    products rounded to bfloat16 would not tell a strong peak from a stronger one.
    """

    def __init__(
        self, channels: int, tracks: Mapping[str, int], *, link: Link = "softplus", corrected: bool = False
    ) -> None:
        super().__init__()
        self.link = link
        self.layers = nn.ModuleDict({name: nn.Linear(channels, count) for name, count in tracks.items()})
        for layer in self.layers.values():
            assert isinstance(layer, nn.Linear)
            initialise_layer(layer, corrected=corrected)

    def forward(self, features: torch.Tensor, head: str | None = None) -> torch.Tensor:
        """Tracks of one head."""
        name = next(iter(self.layers)) if head is None else head
        if name not in self.layers:
            raise unknown_name("head", name, list(self.layers))
        with torch.autocast(features.device.type, enabled=False):
            raw = self.layers[name](features.float())
            if self.link == "softplus":
                return functional.softplus(raw)
            return functional.elu(raw) + 1
