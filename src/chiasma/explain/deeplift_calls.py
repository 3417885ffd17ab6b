"""Which rule answers which torch call, and the compound operations built from them."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from chiasma.explain.deeplift_rules import Rules, UnsupportedOperationError

_ELEMENTWISE = frozenset(
    [
        "relu",
        "elu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "square",
        "abs",
        "absolute",
        "softplus",
        "leaky_relu",
        "selu",
        "celu",
        "hardtanh",
        "relu6",
        "mish",
        "hardswish",
        "hardsigmoid",
        "logsigmoid",
        "log_sigmoid",
        "softsign",
        "tanhshrink",
        "erf",
        "clamp",
        "clamp_min",
        "clamp_max",
        "clip",
        "sin",
        "cos",
        "pow",
        "rpow",
        "rtruediv",
        "rdiv",
        "threshold",
        "hardshrink",
        "softshrink",
        "rrelu",
    ]
)
_TIMES = frozenset(["mul", "multiply", "rmul", "imul"])
_DIVIDED = frozenset(["div", "divide", "truediv", "true_divide", "itruediv", "rtruediv", "rdiv"])
_MATMUL = frozenset(["matmul", "bmm", "mm", "rmatmul", "imatmul"])
_REFUSED = frozenset(
    [
        "gru",
        "rnn_tanh",
        "rnn_relu",
        "gru_cell",
        "lstm_cell",
        "rnn_tanh_cell",
        "rnn_relu_cell",
        "prod",
        "cumprod",
        "topk",
        "sort",
        "median",
        "kthvalue",
        "max_pool3d",
        "max_pool3d_with_indices",
        "fractional_max_pool2d",
        "lp_pool1d",
        "lp_pool2d",
        "bilinear",
        "norm",
        "std",
        "var",
        "cdist",
        "logcumsumexp",
        "cummax",
        "cummin",
    ]
)


def make_mode(rules: Rules) -> Any:
    """A context manager under which every torch call with a rule is answered by it."""
    from torch.overrides import TorchFunctionMode

    class Mode(TorchFunctionMode):
        """Answers calls by the rules of DeepLIFT."""

        def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
            """Answer one call."""
            return _answer(self, rules, func, args, dict(kwargs or {}))

    return Mode()


def _answer(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    name = name.strip("_")
    if name in _REFUSED and _moving(args):
        raise UnsupportedOperationError(f"no DeepLIFT rule for {name}")
    if name in _COMPOUND and _moving(args):
        return _COMPOUND[name](mode, rules, func, args, kwargs)
    if name in _ELEMENTWISE and _moving(args[:1]):
        return rules.elementwise(_bound(func, args, kwargs, copy=in_place or kwargs.get("inplace", False)), args[0])
    return func(*args, **kwargs)


def _moving(args: tuple) -> bool:
    """Whether a floating-point tensor is among the arguments."""
    import torch

    flat = [item for arg in args for item in (arg if isinstance(arg, (tuple, list)) else (arg,))]
    return any(isinstance(item, torch.Tensor) and item.is_floating_point() for item in flat)


def _bound(func: Any, args: tuple, kwargs: dict, *, copy: bool) -> Callable[[Any], Any]:
    """The call as a function of its first argument, never changing it."""
    return lambda x: func(x.clone() if copy else x, *args[1:], **kwargs)


def _two_tensors(args: tuple) -> bool:
    import torch

    return len(args) >= 2 and all(isinstance(arg, torch.Tensor) for arg in args[:2])


def _times(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    if not _two_tensors(args):
        return func(*args, **kwargs)
    return rules.product(torch.mul, args[0], args[1])


def _divided(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    name = func.__name__.strip("_")
    over, under = (args[1], args[0]) if name.startswith("r") else (args[0], args[1])
    if not isinstance(under, torch.Tensor):
        return func(*args, **kwargs)
    if kwargs.get("rounding_mode") is not None:
        raise UnsupportedOperationError("no DeepLIFT rule for rounded division")
    inverse = rules.elementwise(torch.reciprocal, under)
    return rules.product(torch.mul, over, inverse) if isinstance(over, torch.Tensor) else over * inverse


def _power(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    if isinstance(args[0], torch.Tensor) and not isinstance(args[1], torch.Tensor):
        return rules.elementwise(lambda x: torch.pow(x, args[1]), args[0])
    raise UnsupportedOperationError("no DeepLIFT rule for a power with a tensor as exponent")


def _matmul(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    left, right = (args[1], args[0]) if func.__name__ == "__rmatmul__" else args[:2]
    return rules.product(torch.matmul, left, right)


def _added_product(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    product = rules.product(torch.matmul, args[1], args[2])
    return kwargs.get("beta", 1) * args[0] + kwargs.get("alpha", 1) * product


def _einsum(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    operands = args[1] if len(args) == 2 and isinstance(args[1], (tuple, list)) else args[1:]
    if len(operands) == 1:
        return torch.einsum(args[0], *operands)
    if len(operands) != 2:
        raise UnsupportedOperationError("no DeepLIFT rule for einsum of more than two tensors")
    return rules.product(lambda x, y: torch.einsum(args[0], x, y), *operands)


def _maximum(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    sign = -1 if func.__name__ == "minimum" else 1
    return args[1] + sign * rules.elementwise(torch.relu, sign * (args[0] - args[1]))


def _largest(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    """`max` and `amax`: over one axis, or over all."""
    import torch

    if _two_tensors(args):
        return _maximum(mode, rules, torch.maximum, args, kwargs)
    x, dim = args[0], kwargs.get("dim", args[1] if len(args) > 1 else None)
    keepdim = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
    if isinstance(dim, (tuple, list)):
        if len(dim) != 1:
            raise UnsupportedOperationError("no DeepLIFT rule for a maximum over several axes")
        dim = dim[0]
    if dim is None:
        return rules.pick_largest(lambda t: t.max(-1), x.reshape(-1))
    if x.ndim == 4:
        x, dim = x.unsqueeze(0), dim + 1 if dim >= 0 else dim
    value = rules.pick_largest(lambda t: t.max(-1, keepdim=True), x.movedim(dim, -1)).movedim(-1, dim)
    if args[0].ndim == 4:
        value, dim = value.squeeze(0), dim - 1 if dim >= 0 else dim
    value = value if keepdim else value.squeeze(dim)
    if func.__name__ == "amax":
        return value
    return torch.return_types.max((value, args[0].detach().max(dim, keepdim=keepdim).indices))


def _max_pool(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    from torch.nn import functional

    if kwargs.pop("return_indices", False):
        raise UnsupportedOperationError("no DeepLIFT rule for max-pooling that returns its indices")
    name = func.__name__.replace("_with_indices", "").strip("_")
    x = args[0] if args else kwargs.pop("input")
    pool = getattr(functional, name)
    return rules.pick_largest(lambda t: pool(t, *args[1:], **kwargs, return_indices=True), x)


def _softmax(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    name = func.__name__
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if dim is None:
        raise UnsupportedOperationError("softmax without an axis")
    x = -args[0] if name == "softmin" else args[0]
    return rules.softmax(x, dim=dim, log="log" in name)


def _layer_norm(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    values = dict(zip(("input", "normalized_shape", "weight", "bias", "eps"), args)) | kwargs
    x, shape = values["input"], tuple(values["normalized_shape"])
    dims = tuple(range(-len(shape), 0))
    centred = "rms" not in func.__name__
    eps = values.get("eps") if centred else kwargs.get("eps", args[3] if len(args) > 3 else None)
    result = rules.normalised(x, dims=dims, eps=1e-5 if eps is None else eps, centred=centred)
    result = result if values.get("weight") is None else result * values["weight"]
    return result + values["bias"] if centred and values.get("bias") is not None else result


def _group_norm(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    values = dict(zip(("input", "num_groups", "weight", "bias", "eps"), args)) | kwargs
    x = values["input"]
    grouped = x.reshape(x.shape[0], values["num_groups"], -1)
    result = rules.normalised(grouped, dims=(-1,), eps=values.get("eps", 1e-5)).reshape(x.shape)
    shape = (1, -1, *[1] * (x.ndim - 2))
    if values.get("weight") is not None:
        result = result * values["weight"].reshape(shape)
    return result if values.get("bias") is None else result + values["bias"].reshape(shape)


def _refuse_batch_statistics(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    training = kwargs.get("training", args[5] if len(args) > 5 else False)
    if training or kwargs.get("use_input_stats", False):
        raise UnsupportedOperationError("normalisation by statistics of the batch: put the model into evaluation mode")
    return func(*args, **kwargs)


def _gated(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    import torch

    left, right = args[0].chunk(2, dim=kwargs.get("dim", args[1] if len(args) > 1 else -1))
    return rules.product(torch.mul, left, rules.elementwise(torch.sigmoid, right))


def _attention(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    """Scaled dot-product attention: two products around a softmax."""
    import torch

    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    values = dict(zip(names, args)) | kwargs
    query, key, value, mask = values["query"], values["key"], values["value"], values.get("attn_mask")
    scale = values.get("scale") or 1 / math.sqrt(query.shape[-1])
    scores = rules.product(torch.matmul, query, key.transpose(-2, -1)) * scale
    if values.get("is_causal"):
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9) if mask.dtype == torch.bool else scores + mask
    return rules.product(torch.matmul, rules.softmax(scores, dim=-1), value)


def _lstm(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    """An LSTM step by step: sums, sigmoids, tangents and products, each with its rule."""
    import torch

    if len(args) != 9 or not isinstance(args[8], bool):
        raise UnsupportedOperationError("no DeepLIFT rule for an LSTM over packed sequences")
    x, (hidden, cell), weights, biased, layers, _, _, both, batch_first = args
    each, sides = (4 if biased else 2), (2 if both else 1)
    if len(weights) != layers * sides * each:
        raise UnsupportedOperationError("no DeepLIFT rule for an LSTM with projections")
    x = x.transpose(0, 1) if batch_first else x
    last_hidden, last_cell = [], []
    for layer in range(layers):
        passes = []
        for side in range(sides):
            number = layer * sides + side
            own = weights[number * each : (number + 1) * each]
            steps = x.flip(0) if side else x
            states, h, c = _lstm_pass(rules, steps, (hidden[number], cell[number]), own)
            passes.append(states.flip(0) if side else states)
            last_hidden.append(h)
            last_cell.append(c)
        x = torch.cat(passes, dim=-1)
    return (x.transpose(0, 1) if batch_first else x), torch.stack(last_hidden), torch.stack(last_cell)


def _lstm_pass(rules: Rules, steps: Any, state: tuple[Any, Any], weights: Any) -> tuple[Any, Any, Any]:
    """One layer in one direction; steps (position, batch, channel)."""
    import torch
    from torch.nn import functional

    bias = weights[2] + weights[3] if len(weights) == 4 else None
    driven = functional.linear(steps, weights[0], bias)
    (h, c), states = state, []
    for step in driven:
        total = step + functional.linear(h, weights[1])
        size = total.shape[-1] // 4
        gates = rules.elementwise(torch.sigmoid, torch.cat([total[..., : 2 * size], total[..., 3 * size :]], -1))
        enter, keep, leave = gates.chunk(3, -1)
        new = rules.elementwise(torch.tanh, total[..., 2 * size : 3 * size])
        c = rules.product(torch.mul, keep, c) + rules.product(torch.mul, enter, new)
        h = rules.product(torch.mul, leave, rules.elementwise(torch.tanh, c))
        states.append(h)
    return torch.stack(states), h, c


def _opened(mode: Any, rules: Rules, func: Any, args: tuple, kwargs: dict) -> Any:
    """A function of torch.nn.functional written in Python: its own calls are answered one by one.

    Such a function hands itself back to the mode unless told that no mode is there.
    """
    quiet = {name: (lambda *_: False) for name in func.__globals__ if name.startswith("has_torch_function")}
    body = types.FunctionType(func.__code__, func.__globals__ | quiet, func.__name__, func.__defaults__)
    body.__kwdefaults__ = func.__kwdefaults__
    with mode:
        return body(*args, **kwargs)


_COMPOUND: dict[str, Callable[[Any, Rules, Any, tuple, dict], Any]] = {
    **dict.fromkeys(_TIMES, _times),
    **dict.fromkeys(_DIVIDED, _divided),
    **dict.fromkeys(_MATMUL, _matmul),
    **dict.fromkeys(("pow", "ipow"), _power),
    **dict.fromkeys(("baddbmm", "addmm", "addbmm"), _added_product),
    **dict.fromkeys(("maximum", "minimum"), _maximum),
    **dict.fromkeys(("max", "amax"), _largest),
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), _softmax),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    **dict.fromkeys(("batch_norm", "instance_norm"), _refuse_batch_statistics),
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "max_pool1d_with_indices", "max_pool2d_with_indices", "adaptive_max_pool1d"),
        _max_pool,
    ),
    "einsum": _einsum,
    "group_norm": _group_norm,
    "glu": _gated,
    "scaled_dot_product_attention": _attention,
    "lstm": _lstm,
    "multi_head_attention_forward": _opened,
    "normalize": _opened,
}
