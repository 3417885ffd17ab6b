"""From codes of one byte a base to what networks read, on whatever device the codes lie; and the other strand."""

from __future__ import annotations

import torch


def one_hot(codes: torch.Tensor, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Indicator of each base.

    Args:
        codes: uint8 (batch, position), A C G T as 0..3; anything above is an unknown base.
        dtype: of the result.

    Returns:
        (batch, base=4, position), all zeros where the base is unknown.
    """
    bases = torch.arange(4, dtype=codes.dtype, device=codes.device)
    return (codes[:, None, :] == bases[None, :, None]).to(dtype)  # (batch, 1, position) against (1, base, 1)


def reverse_complement(x: torch.Tensor) -> torch.Tensor:
    """The other strand of one-hot DNA (batch, base=4, position): A, C, G, T read backwards are T, G, C, A."""
    return x.flip((1, 2))
