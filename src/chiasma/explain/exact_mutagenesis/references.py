"""Results of a model without any edit: all of them, or of long sequences what edits of one region can reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from chiasma.explain.exact_mutagenesis.trace import Trace


class OutsideError(Exception):
    """A window reaches beyond what was kept of a result; `str()` is the name of the result."""


@dataclass(frozen=True)
class Reach:
    """The region edited, and how much of each result around it is kept.

    Attributes:
        first, last: positions of the sequence, half-open.
        length: of the sequence.
        margin: positions of a result on either side.
    """

    first: int
    last: int
    length: int
    margin: int

    def span(self, positions: int) -> tuple[int, int]:
        """Of a result of so many positions what is kept, half-open."""
        first = self.first * positions // self.length - self.margin
        last = -(-self.last * positions // self.length) + self.margin
        return max(0, first), min(positions, last)


@dataclass(eq=False)
class References:
    """Results without any edit, with positions first, and padded as far as windows reach out of them.

    Attributes:
        values: whole results (sequence, ...) by name.
        cut: of others the positions kept, (position, sequence, ...), the first of them, and how many there were.
    """

    values: dict[str, Any]
    cut: dict[str, tuple[Tensor, int, int]] = field(default_factory=dict)
    _turned: dict[tuple[str, int], tuple[Tensor, int]] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The whole result (sequence, ...).

        Raises:
            OutsideError: a part of it was kept.
        """
        if name not in self.values:
            raise OutsideError(name)
        return self.values[name]

    def turned(self, name: str, axis: int, *, low: int, high: int) -> tuple[Tensor, int]:
        """The result as (position, sequence, ...) with zeros beyond its ends, and the row of its position 0.

        Rows hold positions `low` to `high` at least; the row of position 0 is negative where it was not kept.

        Raises:
            OutsideError: not all of these were kept.
        """
        if name in self.cut:
            base, first, length = self.cut[name]
        else:
            base, first = self.value(name).movedim(axis, 0), 0
            length = base.shape[0]
        last = first + base.shape[0]
        if (low < first and first > 0) or (high > last and last < length):
            raise OutsideError(name)
        left, right = max(0, -low), max(0, high - length)
        found = self._turned.get((name, axis), (base.contiguous(), -first))
        have_left = found[1] + first
        have_right = found[0].shape[0] - base.shape[0] - have_left
        if left > have_left or right > have_right:
            left, right = max(left, have_left), max(right, have_right)
            padded = base.new_zeros((left + base.shape[0] + right, *base.shape[1:]))
            padded[left : left + base.shape[0]] = base
            found = (padded, left - first)
        self._turned[name, axis] = found
        return found


class Forward:
    """A forward pass, call by call.

    Args:
        trace: the model.
        x: one-hot (sequence, base, position).
        reach: what is kept of each result; None keeps all of them.
    """

    def __init__(self, trace: Trace, x: Tensor, reach: Reach | None) -> None:
        self._trace, self._reach = trace, reach
        self._done = 0
        self._kept = {trace.source, *trace.outputs, *trace.constants}
        self.references = References({**trace.constants, trace.source: x})

    def run(self, index: int) -> None:
        """Make the calls up to this one, if they were not made yet."""
        values = self.references.values
        for call in self._trace.calls[self._done : index + 1]:
            values[call.name] = call.run(values, len(values[self._trace.source]))
        self._done = max(self._done, index + 1)

    def keep(self, name: str) -> None:
        """Keep a result whole.

        Raises:
            OutsideError: a part of it is left.
        """
        self.references.value(name)
        self._kept.add(name)

    def cut(self, name: str, axis: int) -> None:
        """Keep what edits can reach of a result, besides the whole until nobody reads it any more."""
        if self._reach is None or name in self.references.cut or name in self._kept:
            return
        whole = self.references.value(name)
        first, last = self._reach.span(whole.shape[axis])
        part = whole.movedim(axis, 0)[first:last].clone()
        self.references.cut[name] = (part, first, whole.shape[axis])

    def release(self, index: int) -> None:
        """Drop whole results that no call after this one reads."""
        if self._reach is None:
            return
        for name in self._trace.calls[index].inputs:
            if self._trace.last_use[name] <= index and name not in self._kept:
                self.references.values.pop(name, None)
