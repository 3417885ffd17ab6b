"""What the trunks that lead from sequence to tracks have in common: their length, precision, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from chiasma.core.errors import InputError

TrunkPrecision = Literal["32", "bf16"]


def trunk_precision(x: torch.Tensor, precision: TrunkPrecision) -> AbstractContextManager[object]:
    """Where a trunk is computed: as it comes, or with matrix products in bfloat16."""
    return torch.autocast(x.device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def run_block(block: nn.Module, x: torch.Tensor, *, recompute: bool) -> torch.Tensor:
    """`block(x)`; if asked to, computed again on the way back so that its inside need not be kept."""
    if not (recompute and torch.is_grad_enabled()):
        return block(x)
    return checkpoint(block, x, use_reentrant=False, context_fn=lambda: (nullcontext(), _uncounted(block)))


@contextmanager
def _uncounted(block: nn.Module) -> Iterator[None]:
    """Keep batch norms from counting a batch that they have seen already."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm1d | nn.SyncBatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm, (_, count) in zip(norms, before):
        norm.momentum, norm.num_batches_tracked = 0.0, count.clone() if count is not None else None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before):
            norm.momentum, norm.num_batches_tracked = momentum, count


def require_length(bases: int, *, step: int, cropped: int, usual: int) -> None:
    """Raise unless a sequence has a multiple of `step` bases, and more than the `cropped` ones at its ends."""
    if bases % step or bases <= cropped:
        raise InputError(
            "a sequence of this length cannot be read",
            got=f"{bases:,} bases",
            expected=f"a multiple of {step} above {cropped:,}, such as {usual:,}",
        )


def margin(*, stem_width: int, tower_width: int, tower: int) -> int:
    """Bases beyond its own on which a token depends, up to a multiple of the token.

    Of a stem at single bases, pooling by two, and `tower` blocks of one wide layer and pooling by two each.
    """
    reach = stem_width // 2 + sum(tower_width // 2 * 2 ** (block + 1) for block in range(tower))
    token = 2 ** (tower + 1)
    return -(-reach // token) * token
