"""Effects of all substitutions: the local part of a model on windows, the rest in full but in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.explain.exact_mutagenesis.convolution import flat_linear
from chiasma.explain.exact_mutagenesis.handlers import answer
from chiasma.explain.exact_mutagenesis.plan import Plan, make_plan
from chiasma.explain.exact_mutagenesis.references import Forward, OutsideError, Reach, References
from chiasma.explain.exact_mutagenesis.trace import NotTraceableError, fill, trace
from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, StepError, Window

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
_MARGIN = 512
"""Positions kept of each result on either side of a region, at first; doubled where windows reach further."""


class Engine:
    """Computes the effects of all single substitutions for one model and one length of sequence.

    Args:
        model: one-hot (batch, base, position) -> a tensor (batch, ...), or several; in evaluation mode.
        x: one-hot of one sequence (1, base, position).
        region: positions edited, half-open; None is all. Of results without an edit only what lies around it is kept.

    Raises:
        NotTraceableError: the model cannot be followed, or nothing in it is local.
        UsageError: it is random, or normalises by the batch.
    """

    def __init__(self, model: Callable[[Any], Any], x: Tensor, *, region: tuple[int, int] | None = None) -> None:
        self.trace = trace(model, x)
        self.length = int(x.shape[2])
        self.region = (0, self.length) if region is None else region
        self.reach = None if region is None else Reach(*region, self.length, _MARGIN)
        self.plan = self._make_plan(x)
        self.flops = 0
        self.full_flops = 0

    def effects(self, codes: np.ndarray, *, columns: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Change of each output by each substitution, and the outputs as they are.

        Args:
            codes: uint8 (sequence, position), 4 for an unknown base.
            columns: of the outputs, flattened and joined (output,); None is all.

        Returns:
            (sequence, position of the region, base, output) float32, 0 for the base present; (sequence, output)
            float32.
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
        first, last = self._groups()
        return max(1, _FEWEST_EDITS // (3 * min(last - first, self._members(1))))

    def _groups(self) -> tuple[int, int]:
        """The stretches of `stride` positions in which the region lies, half-open."""
        return self.region[0] // self.plan.stride, -(-self.region[1] // self.plan.stride)

    def _members(self, sequences: int) -> int:
        plan = self.plan
        each = 3 * sequences
        most = min(
            _WINDOW_BYTES // max(1, plan.window_bytes * each),
            _HELD_BYTES // max(1, plan.held_bytes * each * plan.stride),
        )
        return max(1, min(-(-self.length // plan.stride), most))

    def _widen(self) -> None:
        """Keep more around the region, from end to end in the end."""
        assert self.reach is not None
        wider = replace(self.reach, margin=2 * self.reach.margin)
        self.reach = None if wider.margin > self.length else wider

    def _make_plan(self, x: Tensor) -> Plan:
        while True:
            try:
                return make_plan(self.trace, x, first=self.region[0], reach=self.reach)
            except OutsideError:
                self._widen()

    def _references(self, x: Tensor) -> References:
        """Results without an edit, as far as the plan needs them."""
        forward = Forward(self.trace, x, self.reach)
        for index, call in enumerate(self.trace.calls):
            forward.run(index)
            if call.name in self.plan.whole:
                forward.keep(call.name)
            elif call.name in self.plan.axes:
                forward.cut(call.name, self.plan.axes[call.name])
            forward.release(index)
        return forward.references

    def _some(self, codes: np.ndarray, columns: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        from chiasma.explain.onehot import one_hot

        device = next((value.device for value in self.trace.constants.values() if hasattr(value, "device")), "cpu")
        while True:
            references = self._references(one_hot(codes, device=device))
            base = self._columns([references.value(name) for name in self.trace.outputs], columns)
            try:
                return self._edited(references, codes, base, columns), base.cpu().numpy()
            except OutsideError:
                self._widen()

    def _edited(
        self, references: References, codes: np.ndarray, base: Tensor, columns: np.ndarray | None
    ) -> np.ndarray:
        """Change of each output by each substitution in the region."""
        begin, end = self.region
        effects = np.zeros((len(codes), end - begin, 4, base.shape[1]), np.float32)
        members, stride = self._members(len(codes)), self.plan.stride
        first, last = self._groups()
        for start in range(first, last, members):
            count = min(members, last - start)
            parts = []
            for phase in range(stride):
                at = (np.arange(start, start + count) * stride + phase).astype(np.int64)
                if not self.plan.joint:  # those are made for all phases together, which then are alike
                    at = at[(at >= begin) & (at < end)]
                if len(at) and at[0] < self.length:
                    parts.append(self._local(references, codes, at))
            self._join(parts)
            for part in parts:
                self._finish(part, effects, base, columns)
        return effects

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
                if self.region[0] <= position < self.region[1]:
                    tried, row = part.tried[:, start + offset], position - self.region[0]
                    effects[np.arange(len(tried))[:, None], row, tried] = change[:, offset].cpu().numpy()
        inside = int(((part.at >= self.region[0]) & (part.at < self.region[1])).sum())
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
