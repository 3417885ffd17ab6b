"""Published checkpoints of Basenji's second edition (Calico's Keras files) to our state dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from chiasma.core.errors import UsageError
from chiasma.methods.regulation.basenji.config import Config
from chiasma.methods.regulation.basenji.model import build
from chiasma.nn.published import (
    Format,
    Shapes,
    WeightReport,
    choose_format,
    keras_by_rank,
    shapes_of,
    tensorflow_places,
    translate,
)


def convert(
    arrays: Mapping[str, Any] | Iterable[tuple[str, Any]], config: Config, *, where: object = None
) -> tuple[dict[str, torch.Tensor], WeightReport]:
    """Our state dict from a published one; arguments as in enformer's.

    Raises:
        UsageError: the first edition, whose TensorFlow 1 checkpoints have names that are not known here.
        FormatError, MismatchError: not a Basenji, foreign keys, other shapes.
    """
    if config.edition == "first":
        raise UsageError(
            "checkpoints of Basenji's first edition cannot be read",
            got="edition = first",
            expected="edition = second",
            do="take the preset basenji2",
        )
    with torch.device("meta"):
        shapes = shapes_of(build(config))
    pairs = list(arrays.items() if isinstance(arrays, Mapping) else arrays)
    ranks = keras_by_rank(name for name, _ in pairs)
    layout = choose_format((keras(config, shapes),), ranks.values(), where=where)
    return translate([(ranks[name], value) for name, value in pairs], layout, shapes, where=where)


def keras(config: Config, shapes: Shapes) -> Format:
    """Keras's variables by kind and order of the layers, as `keras_by_rank` names them."""
    ours = [f"tower.{number}.layer" for number in range(len(config.tower))]
    for number in range(len(config.dilations)):
        ours += [f"dilated.{number}.wide", f"dilated.{number}.back"]
    ours.append("final.layer")
    modules = {f"{name}.convolution": f"conv1d#{rank}" for rank, name in enumerate(ours)}
    modules |= {f"{name}.norm": f"batch_normalization#{rank}" for rank, name in enumerate(ours)}
    modules |= {f"heads.layers.{name}": "dense#0" for name in list(config.tracks)[:1]}
    return Format("Calico's Keras file", tensorflow_places(shapes, modules, dialect="keras"))
