"""Which handler answers which operation of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chiasma.explain.exact_mutagenesis import convolution, pointwise, pooling, shapes
from chiasma.explain.exact_mutagenesis.trace import Call
from chiasma.explain.exact_mutagenesis.windows import Block, Each, Flat, NotLocalError, Window

Handler = Callable[..., Any]

HANDLERS: dict[str, Handler] = {
    "conv1d": convolution.conv1d,
    "convolution": convolution.convolution,
    "conv_transpose1d": convolution.conv_transpose1d,
    "conv2d": convolution.conv2d,
    "linear": convolution.linear,
    "matmul": convolution.matmul,
    "max_pool1d": pooling.max_pool1d,
    "max_pool1d_with_indices": pooling.max_pool_with_indices,
    "avg_pool1d": pooling.avg_pool1d,
    "adaptive_avg_pool1d": pooling.adaptive_avg_pool1d,
    "adaptive_max_pool1d": pooling.adaptive_max_pool1d,
    "upsample_nearest1d": pooling.upsample_nearest1d,
    "repeat_interleave": pooling.repeat_interleave,
    "sum": pooling.total,
    "mean": pooling.total,
    "amax": pooling.largest,
    "max": pooling.max_of,
    "batch_norm": pointwise.batch_norm,
    "layer_norm": pointwise.layer_norm,
    "softmax": pointwise.softmax,
    "log_softmax": pointwise.softmax,
    "add": pointwise.add,
    "sub": pointwise.add,
    "mul": pointwise.multiply,
    "div": pointwise.multiply,
    "to": pointwise.convert,
    "_to_copy": pointwise.convert,
    "float": pointwise.convert,
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout", "clone", "contiguous", "alias"), pointwise.same),
    **dict.fromkeys(("detach", "lift_fresh", "lift_fresh_copy"), pointwise.same),
    "permute": shapes.permute,
    "transpose": shapes.transpose,
    "unsqueeze": shapes.unsqueeze,
    "squeeze": shapes.squeeze,
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "_unsafe_view"), shapes.reshape),
    "slice": shapes.slice_,
    "select": shapes.select,
    "pad": shapes.pad,
    "constant_pad_nd": shapes.pad,
    "flip": shapes.flip,
    "cat": shapes.cat,
    "concat": shapes.cat,
    **dict.fromkeys(("chunk", "split", "split_with_sizes"), shapes.split),
    "getitem": shapes.getitem,
}

MAKING = frozenset(
    (
        *("conv1d", "convolution", "conv_transpose1d", "linear", "matmul", "max_pool1d", "avg_pool1d", "batch_norm"),
        *("layer_norm", "softmax", "log_softmax", "add", "sub", "mul", "div", "upsample_nearest1d"),
    )
)
"""Operations whose results are made anew; others may hand on their input's memory."""

_ENTRYWISE = frozenset(("prelu", "where", "clip", "clamp_min", "clamp_max", "leaky_relu", "relu6", "selu", "softplus"))
"""Functions of single entries that torch does not mark as such, or not in all versions."""

_PASSED_FLAT = frozenset(("dropout", "clone", "contiguous", "detach", "alias"))


def answer(block: Block, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer one call for a block of edits: `Window`, `Flat`, `Each`, or several of them.

    Raises:
        NotLocalError: the call must be made in full.
        StepError: members must lie further apart.
    """
    if isinstance(args[0] if args else None, Flat):
        if call.kind in _PASSED_FLAT:
            return args[0]
        if call.kind != "linear":
            raise NotLocalError("works on flattened positions")
    if any(isinstance(item, Flat) for item in args[1:]) or any(isinstance(item, Each) for item in args):
        raise NotLocalError("works on flattened positions")
    handler = HANDLERS.get(call.kind)
    if handler is not None:
        try:
            return handler(block, call, *args, **kwargs)
        except (
            TypeError,
            ValueError,
            IndexError,
            AttributeError,
            RuntimeError,
        ) as error:  # a form of the operation that the handler never met
            raise NotLocalError(f"in a form that has no window ({str(error)[:100]})") from error
    if _entrywise(call.function) and any(isinstance(item, Window) for item in args):
        return pointwise.pointwise(block, call, *args, **kwargs)
    raise NotLocalError("mixes positions")


def _entrywise(function: Any) -> bool:
    """Whether an operation works on single entries."""
    import torch

    tags = getattr(function, "tags", ())
    name = str(getattr(function, "__name__", "")).split(".")[0]
    return torch.Tag.pointwise in tags or name in _ENTRYWISE
