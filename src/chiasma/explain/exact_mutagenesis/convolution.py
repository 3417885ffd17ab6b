"""Changes through convolutions and dense layers: each changed input times each tap that reads it, nothing else.

For a window of w changed positions and a kernel of k taps that is w * k products of channels; recomputing the outputs
that they reach would take (w + k - 1) * k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, StepError, Window

if TYPE_CHECKING:
    from torch import Tensor

    from chiasma.explain.exact_mutagenesis.trace import Call

_FEW = 16
"""Output channels up to which all taps are one matrix product, added up afterwards; more go tap by tap."""


def require_step(window: Window, stride: int) -> None:
    """Raise StepError unless `stride` meets all members at the same phase."""
    if window.step % stride:
        raise StepError(stride // math.gcd(window.step, stride))


def reached(window: Window, *, taps: int, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    """Outputs that read a window: the first of member 0, and how many."""
    require_step(window, stride)
    first = -((-(window.first + padding - (taps - 1) * dilation)) // stride)
    last = (window.first + window.width - 1 + padding) // stride
    return first, last - first + 1


def one(value: int | Sequence[int], default: int = 0) -> int:
    """A setting of a one-dimensional operation, which may come as a list of one; `default` for an empty list."""
    if isinstance(value, int):
        return value
    return int(value[0]) if len(value) else default


def conv1d(
    block: Block, call: Call, x: Window, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, *more: Any
) -> Window:
    """aten::conv1d of a window along its last axis."""
    dilation = one(more[0]) if more else 1
    groups = more[1] if len(more) > 1 else 1
    return convolve(block, call, x, weight, stride=one(stride, 1), padding=padding, dilation=dilation, groups=groups)


def convolution(
    block: Block, call: Call, x: Window, weight: Tensor, bias: Any, stride: Any, padding: Any, *more: Any
) -> Window:
    """aten::convolution: (dilation, transposed, output padding, groups) come last."""
    dilation, transposed, _, groups = more[:4]
    if transposed or weight.ndim != 3:
        raise NotLocalError(f"{call.kind} of this kind has no window")
    return convolve(
        block, call, x, weight, stride=one(stride, 1), padding=padding, dilation=one(dilation, 1), groups=groups
    )


def convolve(
    block: Block, call: Call, x: Window, weight: Tensor, *, stride: int, padding: Any, dilation: int, groups: int
) -> Window:
    """Changes of a convolution's outputs."""
    taps = weight.shape[-1]
    if x.axis != 2 or len(x.rest) != 1:
        raise NotLocalError("convolves along another axis than position")
    if isinstance(padding, str):
        padding = dilation * (taps - 1) // 2 if padding == "same" else 0
    padding = one(padding)
    x = block.as_changes(x)
    first, width = reached(x, taps=taps, stride=stride, padding=padding, dilation=dilation)
    if width < 1:
        return nothing(block, call, x, first=first, step=x.step // stride, channels=weight.shape[0])
    first, width = block.inside(first, x.step // stride, width, call.shape[2])
    spans = []
    for tap in range(taps):
        # Output o reads input o * stride - padding + tap * dilation.
        begin = first * stride - padding + tap * dilation - x.first
        skip = max(0, -(begin // stride)) if begin < 0 else 0
        count = min(width - skip, (x.width - 1 - begin - skip * stride) // stride + 1)
        if count > 0:
            spans.append((tap, begin + skip * stride, skip, count))
    block.flops += sum(count for *_, count in spans) * block.edits * weight.shape[0] * weight.shape[1]
    if groups == 1 and weight.shape[0] <= _FEW and stride == 1:
        data = _few_outputs(x.data, weight, spans, width)
    else:
        data = _tap_by_tap(x.data, weight, spans, width, stride=stride, groups=groups)
    window = Window(call.name, data, True, first, x.step // stride, 2, call.shape[2])
    return block.blank_outside(window)


def nothing(block: Block, call: Call, x: Window, *, first: int, step: int, channels: int) -> Window:
    """A window in which nothing changes: no output reads the edits."""
    first = min(max(first, 0), call.shape[2] - 1)
    return Window(call.name, x.data.new_zeros((1, block.edits, channels)), True, first, step, 2, call.shape[2])


def _tap_by_tap(
    data: Tensor, weight: Tensor, spans: list[tuple[int, int, int, int]], width: int, *, stride: int, groups: int
) -> Tensor:
    import torch

    out = data.new_empty((width, data.shape[1], weight.shape[0]))
    taps = weight.permute(2, 1, 0).contiguous()  # (tap, input channel of the group, output channel)
    if groups == 1 and stride == 1 and spans:  # the first tap writes, the others add
        (tap, begin, skip, count), *spans = spans
        torch.mm(_rows(data[begin : begin + count]), taps[tap], out=_rows(out[skip : skip + count]))
        out[:skip], out[skip + count :] = 0, 0
    else:
        out.zero_()
    for tap, begin, skip, count in spans:
        part = data[begin : begin + (count - 1) * stride + 1 : stride]
        goal = out[skip : skip + count]
        if groups == 1:
            _rows(goal).addmm_(_rows(part), taps[tap])
        elif weight.shape[1] == 1 and groups == weight.shape[0]:
            goal.addcmul_(part, taps[tap, 0])
        else:
            rows = part.reshape(-1, groups, weight.shape[1]).transpose(0, 1)  # (group, row, channel)
            each = taps[tap].view(weight.shape[1], groups, -1).transpose(0, 1)
            goal += (rows @ each).transpose(0, 1).reshape(goal.shape)
    return out


def _rows(data: Tensor) -> Tensor:
    """(position, edit, channel) as a matrix."""
    return data.reshape(-1, data.shape[2])


def _few_outputs(data: Tensor, weight: Tensor, spans: list[tuple[int, int, int, int]], width: int) -> Tensor:
    edits, channels = data.shape[1], weight.shape[0]
    rows = weight.permute(2, 0, 1).reshape(-1, weight.shape[1])  # (tap * output channel, input channel)
    products = (rows @ data.reshape(-1, data.shape[2]).T).view(weight.shape[2], channels, data.shape[0], edits)
    out = data.new_zeros((channels, width, edits))
    for tap, begin, skip, count in spans:
        out[:, skip : skip + count] += products[tap, :, begin : begin + count]
    return out.permute(1, 2, 0).contiguous()


def conv_transpose1d(
    block: Block,
    call: Call,
    x: Window,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    *more: Any,
) -> Window:
    """aten::conv_transpose1d: input i writes to outputs i * stride - padding + tap * dilation."""
    groups, dilation = (more[1] if len(more) > 1 else 1), (one(more[2]) if len(more) > 2 else 1)
    if x.axis != 2 or groups != 1:
        raise NotLocalError("transposed convolution in groups")
    stride, taps, x = one(stride, 1), weight.shape[2], block.as_changes(x)
    width = (x.width - 1) * stride + (taps - 1) * dilation + 1
    out = x.data.new_zeros((width, block.edits, weight.shape[1]))
    for tap in range(taps):
        start = tap * dilation
        out[start : start + (x.width - 1) * stride + 1 : stride] += x.data @ weight[:, :, tap]
    block.flops += x.width * taps * block.edits * weight.shape[0] * weight.shape[1]
    first = x.first * stride - one(padding)
    begin, kept = block.inside(first, x.step * stride, width, call.shape[2])
    out = out[begin - first : begin - first + kept].contiguous()
    return block.blank_outside(Window(call.name, out, True, begin, x.step * stride, 2, call.shape[2]))


def conv2d(
    block: Block, call: Call, x: Window, weight: Tensor, bias: Any = None, stride: Any = 1, *more: Any
) -> Window:
    """aten::conv2d of 1 by 1: a dense layer over channels at each position."""
    dilated = more[1] if len(more) > 1 else 1
    groups = more[2] if len(more) > 2 else 1
    padding = more[0] if more else 0
    plain = all(set(item if isinstance(item, tuple) else (item,)) <= good for item, good in (
        (stride, {1}), (padding, {0, "valid", "same"}), (dilated, {1})))  # fmt: skip
    if tuple(weight.shape[2:]) != (1, 1) or not plain or groups != 1:
        raise NotLocalError("convolves over two axes")
    channel = x.axis_in_data(1)
    data = block.as_changes(x).data.movedim(channel, -1) @ weight[:, :, 0, 0].T
    block.flops += data.numel() * weight.shape[1]
    return replace(x, name=call.name, data=data.movedim(-1, channel).contiguous(), changes=True)


def linear(block: Block, call: Call, x: Window | Flat, weight: Tensor, bias: Any = None) -> Window | Each:
    """aten::linear over the last axis: at each position alone, or of a flattened window."""
    if isinstance(x, Flat):
        return Each(flat_linear([(block, x)], call.name, weight)[0])
    if x.axis == len(x.rest) + 1:
        raise NotLocalError("dense layer over positions")
    data = block.as_changes(x).data @ weight.T
    block.flops += data.numel() * weight.shape[1]
    return replace(x, name=call.name, data=data, changes=True)


def matmul(block: Block, call: Call, x: Window, weight: Any) -> Window:
    """aten::matmul of a window with a constant matrix."""
    if not hasattr(weight, "ndim") or weight.ndim != 2 or not isinstance(x, Window):
        raise NotLocalError("multiplies two results")
    found = linear(block, call, x, weight.T)
    assert isinstance(found, Window)
    return found


def flat_linear(parts: list[tuple[Block, Flat]], name: str, weight: Tensor) -> list[Tensor]:
    """Outputs (edit, output) of a dense layer after flattening, for blocks that differ by their phase alone.

    Edits whose windows lie at the same place share that slice of the weights, whatever their phase.
    """
    import torch

    block, flat = parts[0]
    axis, step, members = flat.window.axis, flat.window.step, block.members
    windows = [one.as_changes(item.window) for one, item in parts]
    low = min(window.first for window in windows)
    high = max(window.first + window.width for window in windows)
    inputs = []
    for (one_block, _), window in zip(parts, windows):
        data = one_block.split(one_block.spread_changes(window, first=low, width=high - low).data)
        data = data.flatten(4) if data.ndim > 4 else data.unsqueeze(4)
        inputs.append(data.permute(2, 1, 3, 0, 4).flatten(1, 2))  # (member, sequence * alternate, position, rest)
    rows = torch.cat(inputs, dim=1).flatten(2)
    tensor = weight.view(-1, *flat.shape).movedim(axis, 0).movedim(1, -1)  # (position, *rest, output)
    tensor = tensor.flatten(1, -2) if tensor.ndim > 2 else tensor.unsqueeze(1)
    far = low + step * (members - 1)
    begin, end = min(low, far), max(low, far) + high - low
    left, right = max(0, -begin), max(0, end - tensor.shape[0])
    tensor = torch.nn.functional.pad(tensor, (0, 0, 0, 0, left, right)).contiguous()
    stride = tensor.stride()
    size = (members, (high - low) * tensor.shape[1], tensor.shape[2])
    slices = tensor.as_strided(size, (abs(step) * stride[0], stride[1], 1), (left + begin) * stride[0])
    product = torch.bmm(rows, slices.flip(0) if step < 0 else slices)  # (member, row, output)
    results, start = [], 0
    for (one_block, _), each in zip(parts, inputs):
        own = product[:, start : start + each.shape[1]]
        start += each.shape[1]
        one_block.flops += own.numel() * size[1]
        change = own.unflatten(1, (one_block.sequences, one_block.alternates)).transpose(0, 1)
        base = one_block.references.value(name)[:, None, None]
        results.append((base + change).flatten(0, 2))  # (sequence, member, alternate) -> edit
    return results
