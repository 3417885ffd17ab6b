"""Run a local network over a long sequence a stretch at a time, to the same result in a fraction of the memory."""

from __future__ import annotations

from collections.abc import Callable

import torch

Local = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
"""From (batch, channel, position) to tensors (batch, channel, position / stride), each at a stride of its own."""


def in_segments(local: Local, x: torch.Tensor, *, length: int, margin: int) -> tuple[torch.Tensor, ...]:
    """`local(x)`, computed in overlapping stretches whose margins are thrown away.

    Every output must depend on no input further than `margin` positions from its own. The ends of the sequence are
    ends of the first and last stretch too, so padding there is what it would be in one piece.

    Args:
        local: convolutions, poolings and what else is local.
        x: (batch, channel, position).
        length: positions in a stretch; `length` and `margin` are multiples of every stride.
        margin: positions on either side that are computed in vain.
    """
    total = x.shape[2]
    results: list[torch.Tensor] = []
    for start in range(0, total, length):
        stop = min(start + length, total)
        low, high = max(0, start - margin), min(total, stop + margin)
        pieces = local(x[:, :, low:high])
        if not results:
            results = [_whole(piece, total * piece.shape[2] // (high - low)) for piece in pieces]
        for result, piece in zip(results, pieces):
            stride = (high - low) // piece.shape[2]
            kept = piece[:, :, (start - low) // stride : (stop - low) // stride]
            result[:, :, start // stride : stop // stride] = kept
    return tuple(results)


def _whole(piece: torch.Tensor, positions: int) -> torch.Tensor:
    return piece.new_empty(piece.shape[0], piece.shape[1], positions)
