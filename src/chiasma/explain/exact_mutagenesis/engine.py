"""Effects of all substitutions: the local part of a model on windows, the rest in full but in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.explain.exact_mutagenesis.convolution import flat_linear
from chiasma.explain.exact_mutagenesis.cost import full_cost
from chiasma.explain.exact_mutagenesis.handlers import HANDLERS, MAKING, answer
from chiasma.explain.exact_mutagenesis.trace import NotTraceableError, fill, trace
from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, References, StepError, Window

if TYPE_CHECKING:
    from torch import Tensor

_WINDOW_BYTES = 4 << 20
"""Of the largest window in a block: more edits at once leave the processor's cache."""
_FULL_BYTES = 64 << 20
"""Of the largest tensor where calls are made in full."""
_HELD_BYTES = 512 << 20
"""Of windows held until all phases have been met."""
_FEWEST_EDITS = 128
"""Edits in a block below which several sequences share it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """How a model's calls are answered for sequences of one length.

    Attributes:
        stride: positions of one block lie so many apart.
        local: calls answered on windows.
        joint: dense layers after flattening, answered for all phases together.
        full: calls made in full, in order.
        crossing: results of local calls that calls made in full, or the caller, read.
        mutable: results of local calls that share memory with no other.
        reasons: for each call at which a window ends, its kind and why.
        window_bytes: of the largest window of one edit.
        held_bytes: of the windows among `crossing`, of one edit.
        full_bytes: of the largest result of a call made in full, for one edit.
        full_flops: multiply-adds of a whole forward pass, and of the calls made in full alone.
    """

    stride: int
    local: tuple[Any, ...]
    joint: tuple[Any, ...]
    full: tuple[Any, ...]
    crossing: tuple[str, ...]
    mutable: frozenset[str]
    reasons: dict[str, str]
    window_bytes: int
    held_bytes: int
    full_bytes: int
    full_flops: tuple[int, int]


class Engine:
    """Computes the effects of all single substitutions for one model and one length of sequence.

    Args:
        model: one-hot (batch, base, position) -> a tensor (batch, ...), or several; in evaluation mode.
        x: one-hot of one sequence (1, base, position).

    Raises:
        NotTraceableError: the model cannot be followed, or nothing in it is local.
        UsageError: it is random, or normalises by the batch.
    """

    def __init__(self, model: Callable[[Any], Any], x: Tensor) -> None:
        self.trace = trace(model, x)
        self.length = int(x.shape[2])
        self.plan = self._make_plan(x)
        self.flops = 0
        self.full_flops = 0

    def effects(self, codes: np.ndarray, *, columns: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Change of each output by each substitution, and the outputs as they are.

        Args:
            codes: uint8 (sequence, position), 4 for an unknown base.
            columns: of the outputs, flattened and joined (output,); None is all.

        Returns:
            (sequence, position, base, output) float32, 0 for the base present; (sequence, output) float32.
        """
        import torch

        found, bases = [], []
        with torch.no_grad():
            for start in range(0, len(codes), self.sequences_at_once):
                effects, base = self._some(codes[start : start + self.sequences_at_once], columns)
                found.append(effects)
                bases.append(base)
        return np.concatenate(found), np.concatenate(bases)

    @property
    def sequences_at_once(self) -> int:
        """Sequences that share a block of edits."""
        members = -(-self.length // self.plan.stride)
        return max(1, _FEWEST_EDITS // (3 * min(members, self._members(1))))

    def _members(self, sequences: int) -> int:
        plan = self.plan
        each = 3 * sequences
        most = min(
            _WINDOW_BYTES // max(1, plan.window_bytes * each),
            _HELD_BYTES // max(1, plan.held_bytes * each * plan.stride),
        )
        return max(1, min(-(-self.length // plan.stride), most))

    def _make_plan(self, x: Tensor) -> Plan:
        import torch

        stride = 1
        with torch.no_grad():
            references = References(self.trace.run(x, keep=True))
            while True:
                block = Block(references, 1, min(2, -(-self.length // stride)), 1)
                try:
                    return self._plan(block, stride)
                except StepError as error:
                    stride *= error.factor

    def _plan(self, block: Block, stride: int) -> Plan:
        trace, references = self.trace, block.references
        x = references.value(trace.source)
        data = x.new_zeros((1, block.edits, x.shape[1]))
        found: dict[str, Any] = {trace.source: Window(trace.source, data, True, 0, stride, 2, self.length)}
        local, joint, full, reasons, largest = [], [], [], {}, data.numel()
        for call in trace.calls:
            inputs = [name for name in call.inputs if name not in trace.constants]
            if inputs and all(name in found and not isinstance(found[name], Each) for name in inputs):
                try:
                    args, kwargs = fill((call.args, call.kwargs), trace.constants | found, 2)
                    result = answer(block, call, args, kwargs)
                except NotLocalError as error:
                    reasons[call.name] = f"{call.kind} {error}"
                else:
                    if call.kind == "linear" and isinstance(args[0], Flat):
                        joint.append(call)
                    else:
                        local.append(call)
                        found[call.name] = result
                    largest = max(largest, *(item.data.numel() for item in _windows(result)), 0)
                    continue
            elif any(name in found for name in inputs):
                reasons[call.name] = f"{call.kind} mixes positions, or reads what was made in full"
            full.append(call)
        read = {name for call in (*full, *joint) for name in call.inputs} | set(trace.outputs)
        crossing = tuple(name for name in found if name in read)
        if not local or any(found[name] is found[trace.source] for name in crossing):
            raise NotTraceableError("; ".join(dict.fromkeys(reasons.values())) or "no call of it is local")
        costs = full_cost(trace, x.shape)
        size = x.element_size()
        held = sum(window.data.numel() for name in crossing for window in _windows(found[name]))
        most = max((math.prod(call.shape) // 2 for call in full), default=0)
        most = max([most, *(references.value(name).numel() for name in crossing if _windows(found[name]))])
        flops = (sum(costs.values()), sum(costs[call.name] for call in full))
        sizes = (largest * size // block.edits, held * size // block.edits, most * size)
        steps = (tuple(local), tuple(joint), tuple(full))
        return Plan(stride, *steps, crossing, _mutable(local) - set(crossing), reasons, *sizes, flops)

    def _some(self, codes: np.ndarray, columns: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        from chiasma.explain.onehot import one_hot

        device = next((value.device for value in self.trace.constants.values() if hasattr(value, "device")), "cpu")
        values = self.trace.run(one_hot(codes, device=device), keep=True)
        references = References(values)
        base = self._columns([values[name] for name in self.trace.outputs], columns)
        effects = np.zeros((*codes.shape, 4, base.shape[1]), np.float32)
        members = self._members(len(codes))
        groups = -(-self.length // self.plan.stride)
        for start in range(0, groups, members):
            count = min(members, groups - start)
            parts = []
            for phase in range(self.plan.stride):
                at = (np.arange(start, start + count) * self.plan.stride + phase).astype(np.int64)
                if at[0] < self.length:
                    parts.append(self._local(references, codes, at))
            self._join(parts)
            for part in parts:
                self._finish(part, effects, base, columns)
        return effects, base.cpu().numpy()

    def _local(self, references: References, codes: np.ndarray, at: np.ndarray) -> _Part:
        """The local calls for edits at positions (member,); those beyond the end change nothing."""
        import torch

        inside = at < self.length
        present = np.where(inside, codes[:, np.minimum(at, self.length - 1)], 4).astype(np.int64)
        alternates = 4 if (present[:, inside] > 3).any() else 3
        tried = np.arange(alternates) if alternates == 4 else (present[..., None] + np.arange(1, 4)) % 4
        tried = np.broadcast_to(tried, (*present.shape, alternates))
        source = references.value(self.trace.source)
        eye = torch.eye(5, 4, dtype=source.dtype, device=source.device)
        change = eye[torch.as_tensor(tried.copy())] - eye[torch.as_tensor(present)][:, :, None]
        change[:, torch.as_tensor(~inside)] = 0
        block = Block(references, len(codes), len(at), alternates)
        window = Window(
            self.trace.source, change.flatten(0, 2)[None], True, int(at[0]), self.plan.stride, 2, self.length
        )
        found: dict[str, Any] = {self.trace.source: window}
        last = {name: index for index, call in enumerate(self.plan.local) for name in call.inputs}
        for index, call in enumerate(self.plan.local):
            args, kwargs = fill((call.args, call.kwargs), _Layered(found, self.trace.constants), 2)
            ended = (name for name in call.inputs if last[name] == index and call.inputs.count(name) == 1)
            block.spent = self.plan.mutable.intersection(ended)
            try:
                found[call.name] = answer(block, call, args, kwargs)
            except (NotLocalError, StepError) as error:
                raise NotTraceableError(f"{call.kind} {error}, for some edits only") from error
            for name in call.inputs:
                if last[name] == index and name not in self.plan.crossing:
                    found.pop(name, None)
        kept = {name: found[name] for name in self.plan.crossing}
        return _Part(block, at, tried, kept)

    def _join(self, parts: list[_Part]) -> None:
        """Dense layers after flattening, for all phases together."""
        for call in self.plan.joint:
            weight = fill(call.args[1], self.trace.constants, 2)
            name = call.args[0].name
            rows = flat_linear([(part.block, part.found[name]) for part in parts], call.name, weight)
            for part, data in zip(parts, rows):
                part.found[call.name] = Each(data)
        for call in self.plan.joint:
            for part in parts:
                part.found.pop(call.args[0].name, None) if not self._read_in_full(call.args[0].name) else None

    def _read_in_full(self, name: str) -> bool:
        return name in self.trace.outputs or any(name in call.inputs for call in self.plan.full)

    def _finish(self, part: _Part, effects: np.ndarray, base: Tensor, columns: np.ndarray | None) -> None:
        """Calls in full, and the change of the outputs."""
        block = part.block
        rows = block.sequences * block.alternates
        size = max(1, min(block.members, _FULL_BYTES // max(1, self.plan.full_bytes * rows)))
        for start in range(0, block.members, size):
            end = min(start + size, block.members)
            values: dict[str, Any] = dict(self.trace.constants)
            for name, item in part.found.items():
                values[name] = _in_full(block, item, start, end)
            n = rows * (end - start)
            for call in self.plan.full:
                values[call.name] = call.run(values, n)
            shape = (block.sequences, end - start, block.alternates)
            found = self._columns([values[name] for name in self.trace.outputs], columns)
            change = found.view(*shape, -1) - base[:, None, None]
            for offset, position in enumerate(part.at[start:end]):
                if position < self.length:
                    tried = part.tried[:, start + offset]
                    effects[np.arange(len(tried))[:, None], position, tried] = change[:, offset].cpu().numpy()
        inside = int((part.at < self.length).sum())
        self.flops += block.flops + self.plan.full_flops[1] * block.edits
        self.full_flops += self.plan.full_flops[0] * block.sequences * inside * 3

    def _columns(self, outputs: list[Tensor], columns: np.ndarray | None) -> Tensor:
        import torch

        joined = torch.cat([item.reshape(len(item), -1) for item in outputs], dim=1).float()
        return joined if columns is None else joined[:, torch.as_tensor(columns)]


@dataclass(eq=False)
class _Part:
    """A block after the local calls: positions (member,), bases tried (sequence, member, alternate), results."""

    block: Block
    at: np.ndarray
    tried: np.ndarray
    found: dict[str, Any]


class _Layered(dict[str, Any]):
    """Results of a block over the constants."""

    def __init__(self, found: dict[str, Any], constants: dict[str, Any]) -> None:
        super().__init__()
        self.found, self.constants = found, constants

    def __missing__(self, name: str) -> Any:
        return self.found[name] if name in self.found else self.constants[name]


def _mutable(local: list[Any]) -> frozenset[str]:
    """Results of calls that make new data and are read by such calls alone."""
    makes = {call.name for call in local if call.kind in MAKING or call.kind not in HANDLERS}
    shared = {name for call in local if call.name not in makes for name in call.inputs}
    return frozenset(makes - shared)


def _windows(result: Any) -> Iterator[Window]:
    for item in result if isinstance(result, (tuple, list)) else (result,):
        if isinstance(item, Flat):
            yield item.window
        elif isinstance(item, Window):
            yield item


def _in_full(block: Block, item: Any, start: int, end: int) -> Any:
    """A crossing result for members start to end (edit, ...)."""
    if isinstance(item, Flat):
        return block.whole(item.window, start, end).flatten(1)
    if isinstance(item, Window):
        return block.whole(item, start, end)
    if isinstance(item, Each):
        rows = item.data.view(block.sequences, block.members, block.alternates, *item.data.shape[1:])
        return rows[:, start:end].flatten(0, 2)
    return [_in_full(block, one, start, end) if one is not None else None for one in item]
