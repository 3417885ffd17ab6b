"""The rules of DeepLIFT, applied to each operation as it is called.

A model is run on the references first, and every nonlinear operation writes its arguments to a tape. It is then run on
the sequences, and the same operations, met in the same order, read the tape and answer with the right value and with
a *multiplier* (change of output by change of input) in place of the gradient. Because calls are seen and not modules,
functional activations, modules used twice and any callable are served alike. Sums are linear and need no rule.

Every rule below is exactly complete: contributions of the arguments add up to the change of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chiasma.core.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e-6
"""Change of an activation, below which its derivative stands for the ratio of changes (float32 resolves 1e-7)."""


class UnsupportedOperationError(RunError):
    """An operation has no rule, or the model did not do the same operations twice."""

    def __init__(self, what: str) -> None:
        super().__init__(what, do="use integrated gradients, which serve every differentiable model")


class Rules:
    """Value and multipliers of nonlinear operations; `recording` while the references pass through."""

    def __init__(self) -> None:
        self.recording = True
        self.tape: list[tuple[Tensor, ...]] = []
        self.position = 0

    def rewind(self) -> None:
        """From writing the tape to reading it."""
        self.recording, self.position = False, 0

    def finish(self) -> None:
        """Raise unless the whole tape was read."""
        if self.position != len(self.tape):
            raise UnsupportedOperationError("the model does different operations on a sequence and its reference")

    def _reference(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        if self.recording:
            self.tape.append(tuple(argument.detach() for argument in arguments))
            return arguments
        if self.position >= len(self.tape):
            self.finish()
            raise UnsupportedOperationError("the model does different operations on a sequence and its reference")
        entry = self.tape[self.position]
        self.position += 1
        if [item.shape for item in entry] != [item.shape for item in arguments]:
            raise UnsupportedOperationError("the model does different operations on a sequence and its reference")
        return entry

    def elementwise(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """The rescale rule: change of output by change of input, element by element."""
        (before,) = self._reference(x)
        if self.recording:
            return function(x)
        now = x.detach()
        value = function(now)
        return value + _ratio(function, now, before, value - function(before)) * (x - now)

    def product(self, multiply: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
        """A bilinear operation: each argument's change times the mean of the other, before and after."""
        x_before, y_before = self._reference(x, y)
        if self.recording:
            return multiply(x, y)
        x_now, y_now = x.detach(), y.detach()
        value = multiply(x_now, y_now)
        if x.requires_grad:
            value = value + multiply(x - x_now, (y_now + y_before) / 2)
        if y.requires_grad:
            value = value + multiply((x_now + x_before) / 2, y - y_now)
        return value

    def softmax(self, x: Tensor, *, dim: int, log: bool = False) -> Tensor:
        """Softmax as exponentials times the reciprocal of their sum; or its logarithm."""
        import torch

        (before,) = self._reference(x)
        if self.recording:
            return torch.log_softmax(x, dim) if log else torch.softmax(x, dim)
        now = x.detach()
        shift = torch.maximum(now, before).amax(dim, keepdim=True)
        e_now, e_before = torch.exp(now - shift), torch.exp(before - shift)
        sum_now, sum_before = e_now.sum(dim, keepdim=True), e_before.sum(dim, keepdim=True)
        change = _ratio(torch.exp, now - shift, before - shift, e_now - e_before) * (x - now).nan_to_num()
        in_sum = change.sum(dim, keepdim=True)
        if log:
            slope = _ratio(torch.log, sum_now, sum_before, torch.log(sum_now) - torch.log(sum_before))
            return torch.log_softmax(now, dim) + (x - now).nan_to_num() - slope * in_sum
        in_reciprocal = -in_sum / (sum_now * sum_before)
        mean_reciprocal = (1 / sum_now + 1 / sum_before) / 2
        return torch.softmax(now, dim) + mean_reciprocal * change + (e_now + e_before) / 2 * in_reciprocal

    def pick_largest(self, pool: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
        """Maxima over windows of the last axis; `pool` gives their values and where each was found.

        The winner among the inputs earns what exceeds the old maximum, the former winner what was lost.
        """
        import torch

        (before,) = self._reference(x)
        if self.recording:
            return pool(x)[0]
        now = x.detach()
        value, winner = pool(now)
        old, former = pool(before)
        higher = torch.maximum(value, old)
        moved, gap = x - now, now - before
        shape, last = winner.shape, (*winner.shape[: -_axes(x, winner)], -1)
        source, change = moved.reshape(last), gap.reshape(last)
        result = value
        for index, share, local in ((winner, higher - old, 1.0), (former, value - higher, 0.0)):
            flat = index.reshape(last)
            delta = change.gather(-1, flat).reshape(shape)
            still = delta.abs() < SMALL
            weight = torch.where(still, torch.full_like(delta, local), share / torch.where(still, 1.0, delta))
            result = result + weight * source.gather(-1, flat).reshape(shape)
        return result

    def normalised(self, x: Tensor, *, dims: tuple[int, ...], eps: float, centred: bool = True) -> Tensor:
        """(x - mean) / sqrt(variance + eps) over dims; without the mean where not centred."""
        import torch

        deviation = x - x.mean(dims, keepdim=True) if centred else x
        variance = self.elementwise(torch.square, deviation).mean(dims, keepdim=True)
        return self.product(torch.mul, deviation, self.elementwise(torch.rsqrt, variance + eps))


def _axes(x: Tensor, winner: Tensor) -> int:
    """Axes that pooling indices run over: one for (.., position), two for images (batch, channel, row, column)."""
    return 2 if x.ndim == 4 and winner.ndim == 4 else 1


def _ratio(function: Callable[[Tensor], Tensor], now: Tensor, before: Tensor, change: Tensor) -> Tensor:
    """Change of output by change of input; the derivative where the input hardly moved."""
    import torch

    delta = now - before
    still = ~(delta.abs() >= SMALL)
    multiplier = change / torch.where(still, 1.0, delta)
    if still.any():
        with torch.enable_grad():
            point = now.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(function(point).sum(), point)
        multiplier = torch.where(still, slope, multiplier)
    return multiplier.nan_to_num(nan=0.0)
