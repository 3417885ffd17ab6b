"""How a model's calls are answered: which on windows, which in full, and what of the unedited results is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chiasma.explain.exact_mutagenesis.cost import full_cost
from chiasma.explain.exact_mutagenesis.handlers import HANDLERS, MAKING, answer
from chiasma.explain.exact_mutagenesis.references import Forward, Reach
from chiasma.explain.exact_mutagenesis.trace import Call, NotTraceableError, Trace, fill
from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, StepError, Window

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Plan:
    """How a model's calls are answered for sequences of one length.

    Attributes:
        stride: positions of one block lie so many apart.
        local: calls answered on windows.
        joint: dense layers after flattening, answered for all phases together.
        full: calls made in full, in order.
        crossing: results of local calls that calls made in full, or the caller, read.
        axes: position axis of results of local calls whose surroundings windows read.
        whole: results that are needed from end to end.
        mutable: results of local calls that share memory with no other.
        reasons: for each call at which a window ends, its kind and why.
        window_bytes: of the largest window of one edit.
        held_bytes: of the windows among `crossing`, of one edit.
        full_bytes: of the largest result of a call made in full, for one edit.
        full_flops: multiply-adds of a whole forward pass, and of the calls made in full alone.
    """

    stride: int
    local: tuple[Call, ...]
    joint: tuple[Call, ...]
    full: tuple[Call, ...]
    crossing: tuple[str, ...]
    axes: dict[str, int]
    whole: frozenset[str]
    mutable: frozenset[str]
    reasons: dict[str, str]
    window_bytes: int
    held_bytes: int
    full_bytes: int
    full_flops: tuple[int, int]


def make_plan(trace: Trace, x: Tensor, *, first: int, reach: Reach | None) -> Plan:
    """Answer every call for a few edits, wider apart until every stride meets them at one phase.

    Args:
        trace: the model.
        x: one-hot of one sequence (1, base, position).
        first: position near which the edits of this trial lie.
        reach: what is kept of results without an edit; None keeps all.

    Raises:
        NotTraceableError: nothing in the model is local.
        OutsideError: `reach` is too small.
    """
    import torch

    length, stride = int(x.shape[2]), 1
    forward = Forward(trace, x, reach)
    with torch.no_grad():
        while True:
            groups = -(-length // stride)
            members = min(2, groups)
            start = max(0, min(first // stride, groups - members)) * stride
            draft = _Draft(trace, forward, Block(forward.references, 1, members, 1), stride, start)
            try:
                for index in range(len(trace.calls)):
                    draft.add(index)
            except StepError as error:
                stride *= error.factor
            else:
                return draft.plan()


@dataclass(eq=False)
class _Draft:
    """A plan in the making, call by call."""

    trace: Trace
    forward: Forward
    block: Block
    stride: int
    first: int
    found: dict[str, Any] = field(default_factory=dict)
    local: list[Call] = field(default_factory=list)
    joint: list[Call] = field(default_factory=list)
    full: list[Call] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    axes: dict[str, int] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    largest: int = 0

    def __post_init__(self) -> None:
        name = self.trace.source
        x = self.forward.references.value(name)
        data = x.new_zeros((1, self.block.edits, x.shape[1]))
        self.found[name] = Window(name, data, True, self.first, self.stride, 2, int(x.shape[2]))
        self.largest = data.numel()

    def add(self, index: int) -> None:
        """Answer the next call on windows, or say that it is made in full."""
        call = self.trace.calls[index]
        self.forward.run(index)
        inputs = [name for name in call.inputs if name not in self.trace.constants]
        if not self._answered(call, inputs):
            self._keep(inputs)
        self.forward.release(index)

    def _answered(self, call: Call, inputs: list[str]) -> bool:
        """Whether windows of this call's result are known now; of others it is noted where they go."""
        if not inputs or not all(name in self.found and not isinstance(self.found[name], Each) for name in inputs):
            if any(name in self.found for name in inputs):
                self.reasons[call.name] = f"{call.kind} mixes positions, or reads what was made in full"
            self.full.append(call)
            return False
        try:
            args, kwargs = fill((call.args, call.kwargs), self.trace.constants | self.found, 2)
            result = answer(self.block, call, args, kwargs)
        except NotLocalError as error:
            self.reasons[call.name] = f"{call.kind} {error}"
            self.full.append(call)
            return False
        self.largest = max(self.largest, *(item.data.numel() for item in _windows(result)), 0)
        if call.kind == "linear" and isinstance(args[0], Flat):
            self.joint.append(call)
            self.whole.add(call.name)
            return False
        self.local.append(call)
        self.found[call.name] = result
        if isinstance(result, Each):
            self._keep((), call.name)
        elif isinstance(result, Window) and result.name == call.name:
            self.axes[call.name] = result.axis
            self.forward.cut(call.name, result.axis)
        return True

    def _keep(self, inputs: Iterable[str], *names: str) -> None:
        """Keep results from end to end: those named, and those of which `inputs` are windows."""
        wanted = {window.name for name in inputs if name in self.found for window in _windows(self.found[name])}
        for name in (*wanted, *names):
            self.whole.add(name)
            self.forward.keep(name)

    def plan(self) -> Plan:
        """The plan, once all calls were added."""
        trace, edits = self.trace, self.block.edits
        read = {name for call in (*self.full, *self.joint) for name in call.inputs} | set(trace.outputs)
        crossing = tuple(name for name in self.found if name in read)
        self._keep(crossing)
        if not self.local or any(self.found[name] is self.found[trace.source] for name in crossing):
            raise NotTraceableError("; ".join(dict.fromkeys(self.reasons.values())) or "no call of it is local")
        references = self.forward.references
        x = references.value(trace.source)
        costs = full_cost(trace, x.shape)
        held = sum(window.data.numel() for name in crossing for window in _windows(self.found[name]))
        most = max((math.prod(call.shape) // 2 for call in self.full), default=0)
        windows = {window.name for name in crossing for window in _windows(self.found[name])}
        most = max([most, *(references.value(name).numel() for name in windows)])
        size = x.element_size()
        return Plan(
            stride=self.stride,
            local=tuple(self.local),
            joint=tuple(self.joint),
            full=tuple(self.full),
            crossing=crossing,
            axes=self.axes,
            whole=frozenset(self.whole),
            mutable=_mutable(self.local) - set(crossing),
            reasons=self.reasons,
            window_bytes=self.largest * size // edits,
            held_bytes=held * size // edits,
            full_bytes=most * size,
            full_flops=(sum(costs.values()), sum(costs[call.name] for call in self.full)),
        )


def _mutable(local: list[Call]) -> frozenset[str]:
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
