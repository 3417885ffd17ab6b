"""Domain-adversarial training (Ganin et al. 2016): a network learns a task while a head learns where inputs are from.

The gradient of the head is turned around before it reaches the network, which so learns a representation that does not
tell the head. Mo and Siepel (2023) do this with simulated and real windows of genomes.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

STEEPNESS = 10.0
"""Of the rise of the factor with the share of steps done (Ganin et al. 2016)."""
HASTE = 8.0
"""How much faster than the network the head learns. At the same pace the network outruns it: real and simulated swap
sides before the head has turned, and drift apart, as measured on regions with few sites (ours; in neither paper)."""


class Representing(Protocol):
    """A network of which the last hidden layer can be had: `answer(hidden(*inputs))` is what it answers."""

    hidden_width: int
    """Units of that layer."""

    def hidden(self, *inputs: Tensor) -> Tensor:
        """The last hidden layer (batch, unit)."""
        ...

    def answer(self, hidden: Tensor) -> Tensor:
        """What follows from it, as `forward` gives it."""
        ...


def reversal_factor(progress: float, *, most: float, rising: bool) -> float:
    """By what the gradient of the head is multiplied, besides its sign.

    Args:
        progress: share of the steps done, from 0 to 1.
        most: the largest factor.
        rising: from 0 along 2 / (1 + exp(-10 progress)) - 1, so that a head that knows nothing yet does not disturb
            (Ganin et al. 2016); else the same throughout, as of Mo and Siepel (2023).
    """
    return most * (2 / (1 + math.exp(-STEEPNESS * progress)) - 1) if rising else most


def reverse_gradient(x: Tensor, factor: Tensor) -> Tensor:
    """The same values; what comes back as gradient is multiplied by -factor.

    Args:
        x: (batch, unit).
        factor: of each example (batch,).
    """
    return _Reversed.apply(x, factor)  # type: ignore[no-any-return, no-untyped-call]


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return -factor[:, None].to(gradients[0].dtype) * gradients[0], None


class DomainAdversarial(nn.Module):
    """A network, and the head that is to tell real inputs from simulated ones by its last hidden layer.

    Args:
        network: has `hidden`, `answer` and `hidden_width`.
        units: of the one hidden layer of the head.
    """

    def __init__(self, network: nn.Module, *, units: int) -> None:
        super().__init__()
        self.network = network
        width = int(network.hidden_width)  # type: ignore[arg-type]
        # standardised over both origins, as in Mo and Siepel's head, so that it keeps up with the network
        common = nn.BatchNorm1d(width, affine=False, track_running_stats=False)
        self.head = nn.Sequential(common, nn.Linear(width, units), nn.ReLU(), nn.Linear(units, 1))

    def forward(
        self, simulated: tuple[Tensor, ...], real: tuple[Tensor, ...] | None = None, factor: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Answers for the simulated inputs and, where real ones are given, logits of being real, of both in turn.

        Args:
            simulated: what the network is called with.
            real: as many examples of the same.
            factor: of the reversal, of each example (batch,).

        Returns:
            Answers (batch, ...), and logits (2 batch,) or None.
        """
        hidden = self.network.hidden(*simulated)  # type: ignore[operator]
        answers = self.network.answer(hidden)  # type: ignore[operator]
        if real is None or factor is None:
            return answers, None
        both = torch.cat([hidden, self.network.hidden(*real)])  # type: ignore[operator]
        # a step of the head moves its logits HASTE times as far; what comes back to the network stays as it was
        return answers, HASTE * self.head(reverse_gradient(both, factor.repeat(2) / HASTE))[:, 0]
