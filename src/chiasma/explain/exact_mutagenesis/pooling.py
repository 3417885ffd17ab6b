"""Windows through pooling, up-sampling, and sums and maxima over all positions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiasma.explain.exact_mutagenesis.convolution import one, reached
from chiasma.explain.exact_mutagenesis.windows import Block, Each, NotLocalError, Window

if TYPE_CHECKING:
    from torch import Tensor

    from chiasma.explain.exact_mutagenesis.trace import Call

_WIDE = 16
"""Stride from which mean-pooling is a product with a matrix, which needs no common phase."""


def max_pool1d(
    block: Block,
    call: Call,
    x: Window,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil: Any = 0,
) -> Window:
    """aten::max_pool1d: the outputs that read the window, from new values and what lies around them."""
    import torch

    taps, padding, dilation = one(kernel), one(padding), one(dilation, 1)
    stride = one(stride, taps)
    x = _last(x)
    first, width = reached(x, taps=taps, stride=stride, padding=padding, dilation=dilation)
    step = x.step // stride
    if width < 1:
        return _nothing(block, call, x, first=first, step=step)
    first, width = block.inside(first, step, width, call.shape[x.axis])
    around = (width - 1) * stride + (taps - 1) * dilation + 1
    data = block.spread(x, first=first * stride - padding, width=around, fill=float("-inf")).data
    if stride == taps and dilation == 1:
        pooled = data.view(width, taps, *data.shape[1:]).amax(1)
    else:
        pooled = data[0 : (width - 1) * stride + 1 : stride].clone()
        for tap in range(1, taps):
            start = tap * dilation
            torch.maximum(pooled, data[start : start + (width - 1) * stride + 1 : stride], out=pooled)
    return Window(call.name, pooled, False, first, step, x.axis, call.shape[x.axis])


def max_pool_with_indices(block: Block, call: Call, x: Window, *settings: Any) -> tuple[Window, None]:
    """aten::max_pool1d_with_indices; nobody may read the indices."""
    return max_pool1d(block, call, x, *settings), None


def avg_pool1d(
    block: Block,
    call: Call,
    x: Window,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil: bool = False,  # noqa: FBT001, FBT002 - the operator's own signature
    count_padding: bool = True,  # noqa: FBT001, FBT002
) -> Window | Each:
    """aten::avg_pool1d: means of changes."""
    taps, padding = one(kernel), one(padding)
    stride = one(stride, taps)
    x = _last(x)
    if ceil or (padding and not count_padding):
        raise NotLocalError("means over unequal numbers of positions")
    if stride >= _WIDE:
        return _by_matrix(block, call, x, _bins(x.length, call.shape[x.axis], stride, taps, padding))
    first, width = reached(x, taps=taps, stride=stride, padding=padding, dilation=1)
    if width < 1:
        return _nothing(block, call, x, first=first, step=x.step // stride)
    first, width = block.inside(first, x.step // stride, width, call.shape[x.axis])
    begin, around = first * stride - padding, (width - 1) * stride + taps
    low, high = min(begin, x.first), max(begin + around, x.first + x.width)
    data = block.spread_changes(x, first=low, width=high - low).data[begin - low : begin - low + around]
    total = data[0 : (width - 1) * stride + 1 : stride].clone()
    for tap in range(1, taps):
        total += data[tap : tap + (width - 1) * stride + 1 : stride]
    window = Window(call.name, total / taps, True, first, x.step // stride, x.axis, call.shape[x.axis])
    return block.blank_outside(window)


def adaptive_avg_pool1d(block: Block, call: Call, x: Window, size: Any) -> Window | Each:
    """aten::adaptive_avg_pool1d: as mean-pooling where bins are equal and small, else by matrix."""
    bins = one(size)
    x = _last(x)
    if x.length % bins == 0 and x.length // bins < _WIDE:
        return avg_pool1d(block, call, x, x.length // bins)
    spans = [(b * x.length // bins, -(-(b + 1) * x.length // bins)) for b in range(bins)]
    return _by_matrix(block, call, x, [(range(*span), 1 / (span[1] - span[0])) for span in spans])


def adaptive_max_pool1d(block: Block, call: Call, x: Window, size: Any) -> tuple[Window | Each, None]:
    """aten::adaptive_max_pool1d to one bin, or to bins of equal size."""
    bins = one(size)
    x = _last(x)
    if bins == 1:
        return Each(_largest(block, x).unsqueeze(x.axis)), None
    if x.length % bins:
        raise NotLocalError("maxima over unequal numbers of positions")
    return max_pool1d(block, call, x, x.length // bins), None


def _bins(length: int, bins: int, stride: int, taps: int, padding: int) -> list[tuple[range, float]]:
    starts = [b * stride - padding for b in range(bins)]
    return [(range(max(0, start), min(length, start + taps)), 1 / taps) for start in starts]


def _by_matrix(block: Block, call: Call, x: Window, bins: list[tuple[range, float]]) -> Each:
    """Means of changes over bins: a product with the part of a matrix (position, bin) around each member."""
    import torch

    x = block.as_changes(x)
    far = x.first + x.step * (block.members - 1)
    begin, end = min(x.first, far), max(x.first, far) + x.width
    left, right = max(0, -begin), max(0, end - x.length)
    matrix = x.data.new_zeros((left + x.length + right, len(bins)))
    for number, (span, weight) in enumerate(bins):
        matrix[left + span.start : left + span.stop, number] = weight
    size = (block.members, x.width, len(bins))
    slices = matrix.as_strided(size, (abs(x.step) * len(bins), len(bins), 1), (left + begin) * len(bins))
    slices = slices.flip(0) if x.step < 0 else slices
    rows = block.split(x.data).movedim(2, 0).flatten(2).transpose(1, 2)  # (member, sequence.alternate.rest, position)
    product = torch.bmm(rows, slices)  # (member, sequence * alternate * rest, bin)
    shape = (block.members, block.sequences, block.alternates, *x.rest, len(bins))
    change = product.view(shape).movedim(0, 1)
    base = block.references.value(call.name)  # (sequence, *rest, bin): position was the last axis
    return Each((base[:, None, None] + change).flatten(0, 2))


def upsample_nearest1d(block: Block, call: Call, x: Window, *size: Any) -> Window:
    """aten::upsample_nearest1d by a whole factor."""
    x = _last(x)
    factor, rest = divmod(call.shape[x.axis], x.length)
    if rest:
        raise NotLocalError("up-sampling by a broken factor")
    return _repeated(call, x, factor)


def repeat_interleave(block: Block, call: Call, x: Window, factor: Any, axis: Any = None, **rest: Any) -> Window:
    """aten::repeat_interleave along positions."""
    if not isinstance(factor, int) or axis is None or axis % (len(x.rest) + 2) != x.axis:
        raise NotLocalError("repeats along another axis than position")
    return _repeated(call, x, factor)


def _repeated(call: Call, x: Window, factor: int) -> Window:
    data = x.data.repeat_interleave(factor, 0)
    length = x.length * factor
    return replace(x, name=call.name, data=data, first=x.first * factor, step=x.step * factor, length=length)


def total(block: Block, call: Call, x: Window, dims: Any = None, keep: Any = 0, **rest: Any) -> Window | Each:
    """aten::sum and aten::mean."""
    axes = _axes(x, dims)
    x = block.as_changes(x)
    own = [x.axis_in_data(axis) for axis in axes if axis != x.axis]
    data = x.data
    share = 1
    for axis in own:
        share *= data.shape[axis]
    if x.axis in axes:
        share *= x.length
        data = data.sum([0, *own], keepdim=True)
        data = data.movedim(0, x.axis) if keep else data  # (edit, ...) with the position axis where it was
        if not keep:
            data = data.sum([0, *own]) if not own else data.squeeze([0, *own])
        if call.kind == "mean":
            data = data / share
        base = block.references.value(call.name)
        change = data.view(block.sequences, block.members, block.alternates, *data.shape[1:])
        return Each((base[:, None, None] + change).flatten(0, 2))
    data = data.sum(own, keepdim=bool(keep))
    data = data / share if call.kind == "mean" else data
    axis = x.axis if keep else x.axis - sum(1 for one_axis in axes if one_axis < x.axis)
    return replace(x, name=call.name, data=data, axis=axis)


def largest(block: Block, call: Call, x: Window, dims: Any = None, keep: Any = 0) -> Window | Each:
    """aten::amax."""
    axes = _axes(x, dims)
    if x.axis in axes:
        if len(axes) > 1:
            raise NotLocalError("maximum over positions and another axis")
        found = _largest(block, x)
        return Each(found.unsqueeze(x.axis) if keep else found)
    x = block.as_values(x)
    data = x.data.amax([x.axis_in_data(axis) for axis in axes], keepdim=bool(keep))
    axis = x.axis if keep else x.axis - sum(1 for one_axis in axes if one_axis < x.axis)
    return replace(x, name=call.name, data=data, axis=axis)


def max_of(block: Block, call: Call, x: Window, dims: Any = None, keep: Any = 0) -> Any:
    """aten::max along one axis; nobody may read the indices."""
    if not isinstance(dims, int):
        raise NotLocalError("maximum of two results, or over all axes")
    return largest(block, call, x, (dims,), keep), None


def _largest(block: Block, x: Window) -> Tensor:
    """Maximum over all positions (edit, *rest): of the window, of what lies before it, and of what lies after it."""
    import torch

    low = float("-inf")
    own = block.split(block.spread(x, first=x.first, width=x.width, fill=low).data).amax(0)
    turned, left = block.references.turned(x.name, x.axis, low=0, high=x.length)
    values = turned[left : left + x.length]
    end = torch.full_like(values[:1], low)
    before = torch.cat([end, values.cummax(0).values])  # entry p: the maximum over positions below p
    after = torch.cat([values.flip(0).cummax(0).values.flip(0), end])  # entry p: over p and above
    start = x.first + x.step * torch.arange(block.members, device=values.device)
    left_of = before[start.clamp(0, x.length)].transpose(0, 1)  # (sequence, member, ...)
    right_of = after[(start + x.width).clamp(0, x.length)].transpose(0, 1)
    return torch.maximum(own, torch.maximum(left_of, right_of)[:, :, None]).flatten(0, 2)


def _axes(x: Window, dims: Any) -> tuple[int, ...]:
    rank = len(x.rest) + 2
    axes = tuple(range(rank)) if dims is None or dims == () else (dims,) if isinstance(dims, int) else tuple(dims)
    axes = tuple(sorted(axis % rank for axis in axes))
    if 0 in axes:
        raise NotLocalError("sums over the batch")
    return axes


def _last(x: Window) -> Window:
    """Raise unless position is the last axis, as pooling takes it."""
    if x.axis != len(x.rest) + 1:
        raise NotLocalError("pools along another axis than position")
    return x


def _nothing(block: Block, call: Call, x: Window, *, first: int, step: int) -> Window:
    """A window in which nothing changes: no output reads the edits."""
    length = call.shape[x.axis]
    data = x.data.new_zeros((1, *x.data.shape[1:]))
    return Window(call.name, data, True, min(max(first, 0), length - 1), step, x.axis, length)
