"""Windows through what moves entries about: axes exchanged, split and merged, slices, joins, the other strand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chiasma.explain.exact_mutagenesis.convolution import reached, require_step
from chiasma.explain.exact_mutagenesis.pointwise import aligned
from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, Window

if TYPE_CHECKING:
    from chiasma.explain.exact_mutagenesis.trace import Call


def permute(block: Block, call: Call, x: Window, order: Any) -> Window:
    """aten::permute that keeps the batch first."""
    rank = len(x.rest) + 2
    order = [axis % rank for axis in order]
    if order[0]:
        raise NotLocalError("moves the batch from the front")
    axes = [0, 1, *(x.axis_in_data(axis) for axis in order if axis not in (0, x.axis))]
    return replace(x, name=call.name, data=x.data.permute(axes), axis=order.index(x.axis))


def transpose(block: Block, call: Call, x: Window, one: int, other: int) -> Window:
    """aten::transpose."""
    order = list(range(len(x.rest) + 2))
    order[one], order[other] = order[other], order[one]
    return permute(block, call, x, order)


def unsqueeze(block: Block, call: Call, x: Window, axis: int) -> Window:
    """aten::unsqueeze."""
    axis = axis % (len(x.rest) + 3)
    if axis == 0:
        raise NotLocalError("moves the batch from the front")
    if axis <= x.axis:
        return replace(x, name=call.name, data=x.data.unsqueeze(axis + 1), axis=x.axis + 1)
    return replace(x, name=call.name, data=x.data.unsqueeze(axis))


def squeeze(block: Block, call: Call, x: Window, axes: Any = None) -> Window:
    """aten::squeeze of axes without positions."""
    rank = len(x.rest) + 2
    wanted = range(1, rank) if axes is None else [axes] if isinstance(axes, int) else axes
    wanted = [axis % rank for axis in wanted]
    gone = [axis for axis in wanted if axis not in (0, x.axis) and x.data.shape[x.axis_in_data(axis)] == 1]
    if x.axis in wanted and x.length == 1:
        raise NotLocalError("drops the position axis")
    data = x.data.squeeze([x.axis_in_data(axis) for axis in gone]) if gone else x.data
    return replace(x, name=call.name, data=data, axis=x.axis - sum(1 for axis in gone if axis < x.axis))


def reshape(block: Block, call: Call, x: Window, *sizes: Any) -> Window | Flat:
    """aten::view, reshape, flatten, unflatten: the position axis kept, split, merged again, or flattened."""
    old = [2, *x.rest]
    old.insert(x.axis, x.length)
    new = list(call.shape)
    for before, after in _groups(old, new):
        if x.axis not in before:
            continue
        lengths, goal = [old[axis] for axis in before], [new[axis] for axis in after]
        return _regrouped(block, call, x, old, new, (list(before), list(after), lengths, goal))
    raise NotLocalError("merges the batch with other axes")


def _groups(old: list[int], new: list[int]) -> list[tuple[range, range]]:
    """Runs of axes of equal product, the shortest possible; the batch stands alone or it is an error."""
    if not new or old[0] != new[0]:
        raise NotLocalError("merges the batch with other axes")
    groups, i, j = [], 1, 1
    while i < len(old) or j < len(new):
        start_i, start_j = i, j
        left = old[i] if i < len(old) else 1
        right = new[j] if j < len(new) else 1
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while left != right:
            if left < right:
                left *= old[i]
                i += 1
            else:
                right *= new[j]
                j += 1
        groups.append((range(start_i, i), range(start_j, j)))
    return groups


def _regrouped(block: Block, call: Call, x: Window, old: list[int], new: list[int], group: Any) -> Window | Flat:
    before, after, sizes, goal = group
    inner = [size for size in sizes if size != 1]
    if inner == [x.length] or x.length == math.prod(sizes):
        kept = [size for size in goal if size != 1]
        if kept in ([x.length], []) and x.length in goal:
            place = after[goal.index(x.length)]
            return _with_rest(call, x, new, place)
        if x.length == 1 and len(new) == 2:
            return Flat(x, tuple(old[1:]))
        if len(kept) == 2:
            return _split(block, call, x, new, after, goal)
        raise NotLocalError("splits positions into more than two axes")
    if len(after) == 1 and before[-1] > x.axis and before[0] == x.axis and len(before) == 2:
        return _merged(call, x, new, after[0], old[x.axis + 1])
    if len(new) == 2 and len(after) == 1:
        return Flat(x, tuple(old[1:]))
    raise NotLocalError("merges positions with another axis")


def _with_rest(call: Call, x: Window, new: list[int], place: int) -> Window:
    rest = [size for axis, size in enumerate(new) if axis not in (0, place)]
    return replace(x, name=call.name, data=x.data.reshape(*x.data.shape[:2], *rest), axis=place)


def _split(block: Block, call: Call, x: Window, new: list[int], after: list[int], goal: list[int]) -> Window:
    """(.., position, ..) to (.., position // p, p, ..)."""
    part = goal[-1]
    require_step(x, part)
    first = math.floor(x.first / part)
    width = -(-(x.first + x.width) // part) - first
    spread = block.spread_changes if x.changes else block.spread
    data = spread(x, first=first * part, width=width * part).data
    data = data.view(width, part, *data.shape[1:])
    place = after[0] + goal.index(new[after[0]]) if len(goal) == 2 else after[-2]
    data = data.movedim(1, 2 + place - 1)  # the fine part stands right after the coarse one
    rest = [size for axis, size in enumerate(new) if axis not in (0, place)]
    data = data.reshape(width, data.shape[1], *rest)
    return Window(call.name, data, x.changes, first, x.step // part, place, new[place])


def _merged(call: Call, x: Window, new: list[int], place: int, part: int) -> Window:
    """(.., position, p, ..) to (.., position * p, ..)."""
    data = x.data.movedim(x.axis_in_data(x.axis + 1), 1).flatten(0, 1)
    rest = [size for axis, size in enumerate(new) if axis not in (0, place)]
    data = data.reshape(*data.shape[:2], *rest)
    return Window(call.name, data, x.changes, x.first * part, x.step * part, place, new[place])


def slice_(
    block: Block, call: Call, x: Window, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Window:
    """aten::slice: a crop of positions, or of another axis."""
    axis = axis % (len(x.rest) + 2)
    if axis == 0:
        if start in (None, 0) and (end is None or end >= 2) and step == 1:
            return replace(x, name=call.name)
        raise NotLocalError("takes part of the batch")
    if axis != x.axis:
        index = [slice(None)] * x.data.ndim
        index[x.axis_in_data(axis)] = slice(start, end, step)
        return replace(x, name=call.name, data=x.data[tuple(index)])
    begin = range(x.length)[slice(start, end)].start
    if step != 1:
        return _thinned(block, call, x, begin=begin, step=step)
    return cropped(block, call, x, first=x.first - begin)


def _thinned(block: Block, call: Call, x: Window, *, begin: int, step: int) -> Window:
    """Every so many positions: result o is input begin + o * step."""
    x = block.as_changes(x)
    first, width = reached(x, taps=1, stride=step, padding=-begin, dilation=1)
    data = x.data[first * step + begin - x.first :: step] if width else x.data.new_zeros((1, *x.data.shape[1:]))
    length = call.shape[x.axis]
    thinned = replace(x, data=data, first=first, step=x.step // step)
    return cropped(block, call, replace(thinned, length=length), first=first)


def cropped(block: Block, call: Call, x: Window, *, first: int) -> Window:
    """The window in a result that begins elsewhere and may be shorter."""
    x = block.as_changes(x)
    length = call.shape[x.axis]
    begin, width = block.inside(first, x.step, x.width, length)
    data = x.data[begin - first : begin - first + width].clone()  # it is blanked in place
    return block.blank_outside(replace(x, name=call.name, data=data, first=begin, length=length))


def select(block: Block, call: Call, x: Window, axis: int, index: int) -> Window | Each:
    """aten::select: one channel, or the result at one position."""
    axis = axis % (len(x.rest) + 2)
    if axis == 0:
        raise NotLocalError("takes part of the batch")
    if axis != x.axis:
        data = x.data.select(x.axis_in_data(axis), index)
        return replace(x, name=call.name, data=data, axis=x.axis - (axis < x.axis))
    x = block.as_changes(x)
    place = index % x.length
    data = block.split(x.data)
    base = block.references.value(call.name)[:, None, None]
    shape = (block.sequences, block.members, block.alternates, *x.rest)
    result = base.expand(shape).clone()
    for member in range(block.members):
        at = place - x.first - x.step * member
        if 0 <= at < x.width:
            result[:, member] += data[at, :, member]
    return Each(result.flatten(0, 2))


def pad(block: Block, call: Call, x: Window, widths: Any, mode: Any = "constant", value: Any = None) -> Window:
    """aten::pad and aten::constant_pad_nd; negative widths crop."""
    if isinstance(mode, str) and mode != "constant":
        raise NotLocalError(f"pads by {mode}")
    rank, result = len(x.rest) + 2, block.as_changes(x)
    first = x.first
    plain = [0, 0] * (rank - 1)
    for number in range(len(widths) // 2):
        axis, left, right = rank - 1 - number, widths[2 * number], widths[2 * number + 1]
        if axis == x.axis:
            first = x.first + left
        elif axis == 0:
            raise NotLocalError("pads the batch")
        else:
            place = x.axis_in_data(axis)
            plain[2 * (x.data.ndim - 1 - place) : 2 * (x.data.ndim - 1 - place) + 2] = [left, right]
    if any(plain):
        import torch

        result = replace(result, data=torch.nn.functional.pad(result.data, plain[: 2 * len(x.rest)]))
    return cropped(block, call, result, first=first)


def flip(block: Block, call: Call, x: Window, axes: Any) -> Window:
    """aten::flip: backwards along positions, members follow each other the other way."""
    rank = len(x.rest) + 2
    axes = [axis % rank for axis in axes]
    if 0 in axes:
        raise NotLocalError("turns the batch round")
    data = x.data
    if own := [x.axis_in_data(axis) for axis in axes if axis != x.axis]:
        data = data.flip(own)
    if x.axis not in axes:
        return replace(x, name=call.name, data=data)
    first = x.length - x.first - x.width
    return replace(x, name=call.name, data=data.flip(0), first=first, step=-x.step)


def cat(block: Block, call: Call, windows: Any, axis: int = 0) -> Window:
    """aten::cat along an axis that holds no positions."""
    import torch

    if not all(isinstance(item, Window) for item in windows):
        raise NotLocalError("joins what changes with what does not")
    changes = all(item.changes for item in windows)
    turned = [block.as_changes(item) if changes else block.as_values(item) for item in windows]
    parts = aligned(block, call, turned)
    place = parts[0].axis_in_data(axis)
    return replace(parts[0], name=call.name, data=torch.cat([part.data for part in parts], place))


def split(block: Block, call: Call, x: Window, *settings: Any) -> list[Window]:
    """aten::chunk, split and split_with_sizes along an axis that holds no positions."""
    axis = settings[1] if len(settings) > 1 else 0
    place = x.axis_in_data(axis)
    parts = call.function(x.data, settings[0], place)
    return [replace(x, name=f"{call.name}.{number}", data=part) for number, part in enumerate(parts)]


def getitem(block: Block, call: Call, items: Any, index: int) -> Any:
    """One of several results."""
    found = items[index]
    if found is None:
        raise NotLocalError("reads where a maximum lies")
    return replace(found, name=call.name) if isinstance(found, Window) else found
