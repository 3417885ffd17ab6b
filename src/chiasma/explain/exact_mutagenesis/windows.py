"""Where and by how much single substitutions change a result: windows of changes, and the results without an edit.

A block of edits is a regular family: `sequences` x `members` x `alternates`, where member i is the position
`first + i * step`. What an operation on positions does to one member it does to all, so that a window of changes is one
dense array with a first position and a step for the whole block, and the unedited results around all members are one
strided view. Axes are position first, edit second: neighbouring taps of a convolution are then plain matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from chiasma.explain.exact_mutagenesis.references import References


class NotLocalError(Exception):
    """An operation mixes positions in a way that has no window; `str()` says which."""


class StepError(Exception):
    """Members must lie further apart: by a factor, so that a stride meets all of them at the same phase."""

    def __init__(self, factor: int) -> None:
        super().__init__(factor)
        self.factor = factor


@dataclass(frozen=True, eq=False)
class Window:
    """The part of one result that the edits of a block reach.

    Attributes:
        name: of the call.
        data: (position in the window, edit, *other axes of the result in their order).
        changes: whether data holds changes (0 beyond the ends of the result) or the new values (anything there).
        first: position of member 0's window in the result; may be negative.
        step: by which the next member's window lies further.
        axis: the position axis of the result (batch, ...), 1 or more.
        length: of that axis.
    """

    name: str
    data: Tensor
    changes: bool
    first: int
    step: int
    axis: int
    length: int

    @property
    def width(self) -> int:
        """Positions in the window."""
        return int(self.data.shape[0])

    @property
    def rest(self) -> tuple[int, ...]:
        """Sizes of the other axes."""
        return tuple(self.data.shape[2:])

    def axis_in_data(self, axis: int) -> int:
        """Where an axis of the result, neither batch nor position, is found in `data`.

        Raises:
            NotLocalError: it is one of those two.
        """
        rank = len(self.rest) + 2
        axis = axis % rank
        if axis in (0, self.axis):
            raise NotLocalError("works along the batch" if axis == 0 else "works along all positions")
        return axis + 1 if axis < self.axis else axis


@dataclass(frozen=True, eq=False)
class Flat:
    """A window whose position axis was merged with others: (batch, feature)."""

    window: Window
    shape: tuple[int, ...]
    """Of the result before it was merged, without batch."""


@dataclass(frozen=True, eq=False)
class Each:
    """A result without positions: its new value for each edit (edit, ...)."""

    data: Tensor


@dataclass(eq=False)
class Block:
    """A regular family of edits and what is known of the results without them.

    Attributes:
        references: results without an edit.
        sequences: how many sequences are edited.
        members: positions edited in each.
        alternates: bases tried at each.
        flops: multiply-adds spent so far on this block.
        spent: names of results whose data may be overwritten by the call being answered: nobody reads them later.
    """

    references: References
    sequences: int
    members: int
    alternates: int
    flops: int = 0
    spent: frozenset[str] = frozenset()

    @property
    def edits(self) -> int:
        """Edits in the block."""
        return self.sequences * self.members * self.alternates

    def split(self, data: Tensor) -> Tensor:
        """(position, edit, ...) seen as (position, sequence, member, alternate, ...)."""
        return data.view(data.shape[0], self.sequences, self.members, self.alternates, *data.shape[2:])

    def unedited(self, window: Window, *, first: int, width: int) -> Tensor:
        """The result without edits around each member: (position, sequence, member, 1, ...), a view where it can be."""
        far = first + window.step * (self.members - 1)
        low, high = min(first, far), max(first, far) + width
        turned, left = self.references.turned(window.name, window.axis, low=low, high=high)
        stride = turned.stride()
        size = (width, self.sequences, self.members, 1, *turned.shape[2:])
        strides = (stride[0], stride[1], abs(window.step) * stride[0], 0, *stride[2:])
        view = turned.as_strided(size, strides, turned.storage_offset() + (left + low) * stride[0])
        return view.flip(2) if window.step < 0 else view

    def inside(self, first: int, step: int, width: int, length: int) -> tuple[int, int]:
        """The window without what lies beyond the ends for all members: first position and width, 1 at least."""
        ends = (first, first + step * (self.members - 1))
        left = min(max(0, -max(ends)), width - 1)
        right = min(max(0, min(ends) + width - length), width - 1 - left)
        return first + left, width - left - right

    def blank_outside(self, window: Window, fill: float = 0.0) -> Window:
        """The same with `fill` beyond the ends of the result, written in place."""
        data = self.split(window.data)
        ends = (window.first, window.first + window.step * (self.members - 1))
        if min(ends) >= 0 and max(ends) + window.width <= window.length:
            return window
        for member in range(self.members):
            start = window.first + window.step * member
            if start < 0:
                data[: min(-start, window.width), :, member] = fill
            if start + window.width > window.length:
                data[max(0, window.length - start) :, :, member] = fill
        return window

    def as_changes(self, window: Window) -> Window:
        """The window holding changes."""
        if window.changes:
            return window
        around = self.unedited(window, first=window.first, width=window.width)
        if window.name in self.spent:
            self.split(window.data).sub_(around)
            return self.blank_outside(replace(window, changes=True))
        data = self.split(window.data) - around
        return self.blank_outside(replace(window, data=data.flatten(1, 3), changes=True))

    def as_values(self, window: Window) -> Window:
        """The window holding new values; the same where it does already."""
        if not window.changes:
            return window
        around = self.unedited(window, first=window.first, width=window.width)
        if window.name in self.spent:
            self.split(window.data).add_(around)
            return replace(window, changes=False)
        return replace(window, data=(self.split(window.data) + around).flatten(1, 3), changes=False)

    def spread(self, window: Window, *, first: int, width: int, fill: float = 0.0) -> Window:
        """New values over another span, with `fill` beyond the ends of the result."""
        import torch

        if not window.changes and (first, width) == (window.first, window.width):
            return self.blank_outside(window, fill)
        shape = (width, self.sequences, self.members, self.alternates, *window.rest)
        data = torch.empty(shape, dtype=window.data.dtype, device=window.data.device)
        around = self.unedited(window, first=first, width=width)
        low = min(max(0, window.first - first), width)
        high = max(low, min(window.first + window.width - first, width))
        data[:low], data[high:] = around[:low], around[high:]
        if high > low:
            own = self.split(window.data)[low + first - window.first : high + first - window.first]
            if window.changes:
                torch.add(own, around[low:high], out=data[low:high])
            else:
                data[low:high] = own
        result = replace(window, data=data.flatten(1, 3), changes=False, first=first)
        return self.blank_outside(result, fill)

    def spread_changes(self, window: Window, *, first: int, width: int) -> Window:
        """Changes over a span that holds the window."""
        window = self.as_changes(window)
        if (first, width) == (window.first, window.width):
            return window
        data = window.data.new_zeros((width, *window.data.shape[1:]))
        low = window.first - first
        data[low : low + window.width] = window.data
        return replace(window, data=data, first=first)

    def whole(self, window: Window, start: int, end: int) -> Tensor:
        """The result in full for members start to end: (edit, ...) in the order sequence, member, alternate."""
        window = self.as_values(window)
        base = self.references.value(window.name).movedim(window.axis, 1)  # (sequence, position, ...)
        members = end - start
        first = window.first + window.step * start
        far = first + window.step * (members - 1)
        left = max(0, -min(first, far))
        right = max(0, max(first, far) + window.width - window.length)
        shape = (self.sequences, members, self.alternates, left + window.length + right, *base.shape[2:])
        full = base.new_empty(shape)
        full[:, :, :, left : left + window.length] = base[:, None, None]
        own = self.split(window.data)[:, :, start:end]
        stride = full.stride()
        step = stride[1] + window.step * stride[3]
        size = (window.width, self.sequences, members, self.alternates, *base.shape[2:])
        strides = (stride[3], stride[0], step, stride[2], *stride[4:])
        full.as_strided(size, strides, (left + first) * stride[3]).copy_(own)
        return full[:, :, :, left : left + window.length].flatten(0, 2).movedim(1, window.axis)
