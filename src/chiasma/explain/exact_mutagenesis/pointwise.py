"""Windows through what works at each position alone: activations, sums, products, normalisation over channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiasma.explain.exact_mutagenesis.windows import Block, NotLocalError, Window

if TYPE_CHECKING:
    from torch import Tensor

    from chiasma.explain.exact_mutagenesis.trace import Call


def same(block: Block, call: Call, x: Any, *rest: Any, **more: Any) -> Any:
    """What leaves its input as it is in evaluation: dropout, copies."""
    return replace(x, name=call.name)


def convert(block: Block, call: Call, x: Window, *rest: Any, **more: Any) -> Window:
    """Change of type."""
    x = block.as_values(x)
    return replace(x, name=call.name, data=call.function(x.data, *rest, **more))


def batch_norm(
    block: Block, call: Call, x: Window, weight: Any, bias: Any, mean: Tensor, variance: Tensor, *rest: Any
) -> Window:
    """aten::batch_norm in evaluation: changes times a scale for each channel."""
    scale = (variance + rest[2]).rsqrt()
    scale = scale if weight is None else scale * weight
    channel = x.axis_in_data(1)
    x = block.as_changes(x)
    shape = [1] * x.data.ndim
    shape[channel] = -1
    scale = scale.view(shape)
    data = x.data.mul_(scale) if x.name in block.spent else x.data * scale
    return replace(x, name=call.name, data=data)


def layer_norm(block: Block, call: Call, x: Window, shape: Any, *rest: Any) -> Window:
    """aten::layer_norm over axes that hold no positions."""
    if x.axis >= len(x.rest) + 2 - len(shape):
        raise NotLocalError("normalises over all positions")
    x = block.as_values(x)
    return replace(x, name=call.name, data=call.function(x.data, shape, *rest))


def softmax(block: Block, call: Call, x: Window, axis: int, *rest: Any) -> Window:
    """aten::softmax and aten::log_softmax over an axis that holds no positions."""
    x = block.as_values(x)
    return replace(x, name=call.name, data=call.function(x.data, x.axis_in_data(axis), *rest))


def add(block: Block, call: Call, x: Any, y: Any, *, alpha: Any = 1) -> Window:
    """aten::add and aten::sub: changes add up, and what does not change drops out."""
    sign = alpha if call.kind == "add" else -alpha
    windows = [item for item in (x, y) if isinstance(item, Window)]
    if len(windows) == 1:
        window = _fitting(block, call, windows[0], y if windows[0] is x else x)
        window = block.as_changes(window)
        factor = 1 if windows[0] is x else sign
        if factor == 1 and window.name in block.spent:
            return replace(window, name=call.name)
        return replace(window, name=call.name, data=window.data * factor)
    x, y = block.as_changes(x), block.as_changes(y)
    if (joined := _added_in_place(block, call, x, y, sign)) is not None:
        return joined
    left, right = aligned(block, call, [x, y])
    data = left.data + right.data if sign == 1 else left.data + right.data * sign
    return replace(left, name=call.name, data=data)


def _added_in_place(block: Block, call: Call, x: Window, y: Window, sign: Any) -> Window | None:
    """The narrower window added to the wider one, where that holds it and nobody reads it later."""
    wide, narrow, factor = (x, y, sign) if x.width >= y.width else (y, x, 1)
    low = narrow.first - wide.first
    holds = low >= 0 and low + narrow.width <= wide.width
    meet = (wide.axis, wide.rest, wide.length, wide.step) == (narrow.axis, narrow.rest, narrow.length, narrow.step)
    if not (holds and meet and wide.name in block.spent and x.name != y.name) or (wide is y and sign != 1):
        return None
    wide.data[low : low + narrow.width].add_(narrow.data, alpha=factor)
    return replace(wide, name=call.name)


def multiply(block: Block, call: Call, x: Any, y: Any, **more: Any) -> Window:
    """aten::mul and aten::div: by what is the same at all positions changes are scaled; else new values."""
    other = y if isinstance(x, Window) else x
    scaled = isinstance(x, Window) or call.kind == "mul"
    if scaled and not more and not isinstance(other, Window):
        window = _fitting(block, call, x if isinstance(x, Window) else y, other)
        factor = _beside(window, other)
        if factor is not None and window.changes:
            return replace(window, name=call.name, data=call.function(window.data, factor))
    return pointwise(block, call, x, y, **more)


def pointwise(block: Block, call: Call, *args: Any, **kwargs: Any) -> Window:
    """Any function of single entries: of new values."""
    if len(args) == 1 and not kwargs and isinstance(args[0], Window):
        return _unary(block, call, args[0])
    windows = [block.as_values(item) for item in args if isinstance(item, Window)]
    for value in (*args, *kwargs.values()):
        if not isinstance(value, Window) and hasattr(value, "ndim"):
            windows = [_fitting(block, call, windows[0], value), *windows[1:]]
    windows = aligned(block, call, windows)
    waiting = iter(windows)
    filled = [next(waiting).data if isinstance(item, Window) else _around(block, windows[0], item) for item in args]
    more = {key: _around(block, windows[0], value) for key, value in kwargs.items()}
    return replace(windows[0], name=call.name, data=call.function(*filled, **more), changes=False)


def _unary(block: Block, call: Call, x: Window) -> Window:
    """A function of one argument, written over it where nobody reads it later."""
    values = block.as_values(x)
    fresh = x.changes or x.name in block.spent
    twin = getattr(call.function, "_overloadpacket", None)
    if fresh and twin is not None and "out" in twin.overloads():
        twin.out(values.data, out=values.data)
        return replace(values, name=call.name)
    return replace(values, name=call.name, data=call.function(values.data))


def aligned(block: Block, call: Call, windows: list[Window]) -> list[Window]:
    """Windows over one common span.

    Raises:
        NotLocalError: they run in other directions, or have axes that do not meet.
    """
    head = windows[0]
    for other in windows[1:]:
        if (other.axis, len(other.rest), other.length, other.step) != (
            head.axis,
            len(head.rest),
            head.length,
            head.step,
        ):
            raise NotLocalError("joins results of different axes, lengths or directions")
    first = min(window.first for window in windows)
    width = max(window.first + window.width for window in windows) - first
    if head.changes:
        return [block.spread_changes(window, first=first, width=width) for window in windows]
    if len(windows) == 1:
        return windows
    return [block.spread(window, first=first, width=width) for window in windows]


def _fitting(block: Block, call: Call, window: Window, other: Any) -> Window:
    """The window, or an error where a constant beside it would give its result more axes or entries."""
    if hasattr(other, "ndim") and other.ndim and len(call.shape) == len(window.rest) + 2:
        wide = [1] * (len(call.shape) - other.ndim) + list(other.shape)
        own = [window.rest[window.axis_in_data(axis) - 2] for axis in range(1, len(call.shape)) if axis != window.axis]
        new = [size for axis, size in enumerate(call.shape) if axis not in (0, window.axis)]
        if wide[0] == 1 and own == new and call.shape[window.axis] == window.length:
            return window
    elif not hasattr(other, "ndim") or not other.ndim:
        return window
    raise NotLocalError("joins results of different axes")


def _beside(window: Window, other: Any) -> Any:
    """A constant shaped to stand beside the window's data; None where it changes with the position."""
    if not hasattr(other, "ndim") or not other.ndim:
        return other
    wide = other.reshape([1] * (len(window.rest) + 2 - other.ndim) + list(other.shape))
    if wide.shape[window.axis] != 1:
        return None
    return wide.movedim(window.axis, 0)


def _around(block: Block, window: Window, other: Any) -> Any:
    """A constant shaped to stand beside the data of a window, whichever positions it knows."""
    import torch

    beside = _beside(window, other)
    if beside is not None or other is None:
        return beside
    wide = other.reshape([1] * (len(window.rest) + 2 - other.ndim) + list(other.shape)).movedim(window.axis, 0)
    start = window.first + window.step * torch.arange(block.members, device=wide.device)
    index = torch.arange(window.width, device=wide.device)[:, None] + start  # (position, member)
    found = wide[index.clamp(0, window.length - 1)].transpose(1, 2)[:, :, :, None]  # (position, 1, member, 1, ...)
    shape = (window.width, block.sequences, block.members, block.alternates, *wide.shape[2:])
    return found.expand(shape).flatten(1, 3)
