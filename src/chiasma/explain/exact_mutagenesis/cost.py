"""Multiply-adds of a call made in full: those of convolutions, dense layers and matrix products."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chiasma.explain.exact_mutagenesis.trace import Call, Name, Trace


def full_cost(trace: Trace, x_shape: tuple[int, ...]) -> dict[str, int]:
    """Multiply-adds of each call for one sequence."""
    shapes: dict[str, tuple[int, ...]] = {trace.source: (2, *x_shape[1:])}
    shapes |= {name: tuple(getattr(value, "shape", ())) for name, value in trace.constants.items()}
    shapes |= {call.name: call.shape for call in trace.calls}
    return {call.name: _cost(call, shapes) // 2 for call in trace.calls}


def _cost(call: Call, shapes: Mapping[str, tuple[int, ...]]) -> int:
    inputs = [shapes[item.name] if isinstance(item, Name) else () for item in call.args]
    made = math.prod(call.shape)
    if call.kind in ("conv1d", "conv2d", "conv3d", "convolution"):
        return made * math.prod(inputs[1][1:])
    if call.kind == "conv_transpose1d":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if call.kind in ("linear", "matmul", "mm", "bmm"):
        return made * inputs[0][-1]
    if call.kind in ("addmm", "baddbmm"):
        return made * inputs[1][-1]
    if call.kind == "scaled_dot_product_attention":
        return 2 * math.prod(inputs[0]) * inputs[1][-2]
    if call.kind in ("lstm", "gru"):
        return _recurrent(call, inputs[0], shapes)
    return 0


def _recurrent(call: Call, x: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]) -> int:
    weights: Any = call.args[2]
    return math.prod(x[:-1]) * sum(math.prod(shapes[item.name]) for item in weights)
