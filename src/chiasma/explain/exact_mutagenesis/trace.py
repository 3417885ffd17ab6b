"""A model as the list of its calls, for any number of sequences.

The model is run twice on tensors without content, for two and for three sequences, and every call that reaches torch is
written down. Whole numbers that differ between the two lists are sizes that depend on the number of sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chiasma.core.errors import RunError, UsageError

RANDOM = frozenset(
    (
        *("bernoulli", "rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "normal", "multinomial"),
        *("randperm", "rrelu_with_noise"),
    )
)
DROPOUTS = frozenset(("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout"))


class NotTraceableError(RunError):
    """A model cannot be written down as a list of calls; `what` says why."""


@dataclass(frozen=True)
class Sized:
    """A whole number that depends on the number of sequences: each * sequences + rest."""

    each: int
    rest: int


@dataclass(frozen=True)
class Name:
    """The result of an earlier call, as an argument."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """One call.

    Attributes:
        name: of its result.
        kind: name of the operation, such as "conv1d".
        function: what is called.
        args, kwargs: arguments; results of other calls as `Name`, sizes that follow the batch as `Sized`.
        shape: of the result for two sequences; empty where it is not one tensor.
        inputs: names among the arguments.
        sized: whether an argument depends on the number of sequences.
    """

    name: str
    kind: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    inputs: tuple[str, ...]
    sized: bool

    def run(self, values: dict[str, Any], n: int) -> Any:
        """Call with results of earlier calls, for `n` sequences."""
        args, kwargs = fill((self.args, self.kwargs), values, n)
        return self.function(*args, **kwargs)


@dataclass(frozen=True, eq=False)
class Trace:
    """A model's calls in order.

    Attributes:
        source: name of the input.
        calls: those that depend on it, or on the number of sequences.
        constants: parameters, and what follows from them alone, by name.
        outputs: names of the outputs.
        single: whether the model returns one tensor rather than several.
        last_use: index of the last call that reads each name.
    """

    source: str
    calls: tuple[Call, ...]
    constants: dict[str, Any]
    outputs: tuple[str, ...]
    single: bool
    last_use: dict[str, int]

    def run(self, x: Any, *, keep: bool = False) -> dict[str, Any]:
        """Results by name for sequences x (batch, base, position); of all calls, or of the outputs."""
        values = {**self.constants, self.source: x}
        for index, call in enumerate(self.calls):
            values[call.name] = call.run(values, len(x))
            if not keep:
                for name in call.inputs:
                    if self.last_use[name] == index and name not in self.outputs and name not in self.constants:
                        values.pop(name, None)
        return values


def fill(item: Any, values: dict[str, Any], n: int) -> Any:
    """Arguments with names and sizes replaced by what they stand for."""
    if isinstance(item, Name):
        return values[item.name]
    if isinstance(item, Sized):
        return item.each * n + item.rest
    if isinstance(item, (tuple, list)):
        return type(item)(fill(one, values, n) for one in item)
    if isinstance(item, dict):
        return {key: fill(one, values, n) for key, one in item.items()}
    return item


def trace(model: Callable[[Any], Any], x: Any) -> Trace:
    """Write down the calls that a model makes.

    Args:
        model: one-hot (batch, base, position) -> a tensor whose first axis is batch, or several of them.
        x: one-hot of one sequence (1, base, position), for its length, type and device.

    Raises:
        NotTraceableError: it leaves torch, decides by values, or writes into part of a tensor.
        UsageError: it is random, or normalises by the batch.
    """
    import torch

    with torch.no_grad():
        model(x)  # what a model keeps from its first call must be real tensors, not ours without content
    try:
        return _traced(model, x, recording=False)
    except NotTraceableError as error:
        try:  # what a model does in parts to spare memory, it does at once where gradients are recorded
            return _traced(model, x, recording=True)
        except NotTraceableError:
            raise error from None


def _traced(model: Callable[[Any], Any], x: Any, *, recording: bool) -> Trace:
    """`trace`, with or without gradients being recorded meanwhile."""
    graphs = [_graph(model, x, n, recording=recording) for n in (2, 3)]
    two, three = (list(graph.graph.nodes) for graph in graphs)
    if [str(node.target) for node in two] != [str(node.target) for node in three]:
        raise NotTraceableError("it does different operations on two sequences and on three")
    module = graphs[0]
    constants: dict[str, Any] = {}
    calls: list[Call] = []
    renamed: dict[str, str] = {}
    source, returned = "", None
    for first, second in zip(two, three):
        if first.op == "placeholder":
            source = first.name
        elif first.op == "get_attr":
            value = getattr(module, first.target)
            constants[first.name] = value.detach() if hasattr(value, "detach") else value
        elif first.op == "output":
            returned = _convert(first.args[0], second.args[0], renamed)
        else:
            calls.append(_call(first, second, renamed, later=two[two.index(first) + 1 :]))
    single = isinstance(returned, Name)
    outputs = tuple(_names((returned,)))
    calls = _fold(_used(calls, outputs), constants, source)
    known = {call.name for call in calls}
    if not outputs or not set(outputs) <= known:
        raise NotTraceableError("its output does not depend on the sequence by calls of torch")
    uses = {name: index for index, call in enumerate(calls) for name in call.inputs}
    return Trace(source, tuple(calls), constants, outputs, single, uses)


def _graph(model: Callable[[Any], Any], x: Any, n: int, *, recording: bool) -> Any:
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    empty = torch.zeros((n, *x.shape[1:]), dtype=x.dtype, device=x.device)
    try:
        with torch.set_grad_enabled(recording):
            record = make_fx(model, tracing_mode="fake", pre_dispatch=True, _allow_non_fake_inputs=True)
            return record(empty)
    except UsageError:
        raise
    except Exception as error:
        text = str(error).strip().splitlines() or [""]
        raise NotTraceableError(
            f"it cannot be followed call by call ({type(error).__name__}: {text[0][:200]})"
        ) from error


def _call(first: Any, second: Any, renamed: dict[str, str], *, later: list[Any]) -> Call:
    function, kind = first.target, str(getattr(first.target, "__name__", first.target)).split(".")[0]
    if kind in RANDOM or (kind in DROPOUTS and first.args[2] and first.args[1] > 0):
        raise UsageError(
            "the model is random, so single substitutions have no effect of their own",
            got=kind,
            expected="a model in evaluation mode",
            do="call model.eval() on all its parts",
        )
    if kind in ("batch_norm", "instance_norm") and first.args[5]:
        raise UsageError(
            "the model normalises by the batch, so a sequence's output depends on its company",
            got=f"{kind} in training mode",
            expected="a model in evaluation mode",
            do="call model.eval() on all its parts",
        )
    args = _convert(first.args, second.args, renamed)
    kwargs = _convert(dict(first.kwargs), dict(second.kwargs), renamed)
    if _writes(function):
        function, kind = _without_writing(first, later), kind.removesuffix("_")
        renamed[_root(first.args[0].name, renamed)] = first.name
    value = first.meta.get("val")
    shape = tuple(value.shape) if hasattr(value, "shape") else ()
    inputs = tuple(_names((args, kwargs)))
    return Call(first.name, kind, function, args, kwargs, shape, inputs, _any_sized((args, kwargs)))


def _root(name: str, renamed: dict[str, str]) -> str:
    while name in renamed:
        name = renamed[name]
    return name


def _convert(one: Any, other: Any, renamed: dict[str, str]) -> Any:
    """An argument of the two traces as one: nodes as names, numbers that differ as sizes."""
    if hasattr(one, "op") and hasattr(one, "users"):
        return Name(_root(one.name, renamed))
    if isinstance(one, (tuple, list)):
        return (
            type(one)([_convert(a, b, renamed) for a, b in zip(one, other)])
            if type(one) in (tuple, list)
            else tuple(_convert(a, b, renamed) for a, b in zip(one, other))
        )
    if isinstance(one, dict):
        return {key: _convert(value, other[key], renamed) for key, value in one.items()}
    if isinstance(one, int) and not isinstance(one, bool) and one != other:
        return Sized(other - one, 3 * one - 2 * other)
    if isinstance(one, float) and one != other:
        raise NotTraceableError("it scales by the number of sequences")
    return one


def _writes(function: Any) -> bool:
    schema = getattr(function, "_schema", None)
    return schema is not None and schema.is_mutable


def _without_writing(node: Any, later: list[Any]) -> Any:
    """The function that returns what this one writes into its first argument."""
    import torch

    packet, overload = str(node.target).removeprefix("aten.").split(".")
    family = _aliases(node.args[0])
    reread = [one for one in later for item in one.all_input_nodes if item in family and item is not node.args[0]]
    twin = getattr(getattr(torch.ops.aten, packet.removesuffix("_"), None), overload, None)
    if not packet.endswith("_") or twin is None or reread:
        raise NotTraceableError(f"it writes into a part of a tensor ({node.target})")
    return twin


def _aliases(node: Any) -> set[Any]:
    """Nodes that share memory with one."""
    family, waiting = {node}, [node]
    while waiting:
        one = waiting.pop()
        near = [*(one.args[:1] if _is_view(one) else ()), *(user for user in one.users if _is_view(user))]
        fresh = [item for item in near if hasattr(item, "op") and item not in family]
        family.update(fresh)
        waiting.extend(fresh)
    return family


def _is_view(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None or schema.is_mutable:
        return node.op == "call_function" and schema is None
    return schema.name == "aten::dropout" or any(item.alias_info is not None for item in schema.returns)


def _names(item: Any) -> list[str]:
    if isinstance(item, Name):
        return [item.name]
    if isinstance(item, dict):
        item = tuple(item.values())
    if isinstance(item, (tuple, list)):
        return [name for one in item for name in _names(one)]
    return []


def _any_sized(item: Any) -> bool:
    if isinstance(item, dict):
        item = tuple(item.values())
    return isinstance(item, Sized) or (isinstance(item, (tuple, list)) and any(map(_any_sized, item)))


def _used(calls: list[Call], outputs: tuple[str, ...]) -> list[Call]:
    """Calls that the outputs depend on."""
    wanted = set(outputs)
    kept = []
    for call in reversed(calls):
        if call.name in wanted:
            kept.append(call)
            wanted.update(call.inputs)
    return kept[::-1]


def _fold(calls: list[Call], constants: dict[str, Any], source: str) -> list[Call]:
    """Compute at once what depends neither on the sequence nor on how many there are."""
    import torch

    moving = {source}
    left = []
    for call in calls:
        if call.sized or moving & set(call.inputs):
            moving.add(call.name)
            left.append(call)
        else:
            with torch.no_grad():
                constants[call.name] = call.run(constants, 0)
    return left
