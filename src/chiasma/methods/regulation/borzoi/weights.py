"""Published checkpoints of Borzoi to our state dict: Calico's Keras files, and borzoi-pytorch's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from chiasma.methods.regulation.borzoi.config import Config
from chiasma.methods.regulation.borzoi.model import build
from chiasma.nn.published import (
    Format,
    Place,
    Shapes,
    WeightReport,
    choose_format,
    keras_by_rank,
    shapes_of,
    tensorflow_places,
    torch_places,
    translate,
)


def convert(
    arrays: Mapping[str, Any] | Iterable[tuple[str, Any]], config: Config, *, where: object = None
) -> tuple[dict[str, torch.Tensor], WeightReport]:
    """Our state dict from a published one.

    Args:
        arrays: tensors or arrays by name.
        config: with the heads that are wanted. A Keras file holds one head, whatever its name, so that the
            configuration names one; the checkpoint's other heads are refused as foreign.
        where: the file, for messages.

    Raises:
        FormatError, MismatchError: not a Borzoi, foreign keys, other shapes.
    """
    pairs = list(arrays.items() if isinstance(arrays, Mapping) else arrays)
    with torch.device("meta"):
        shapes = shapes_of(build(config))
    ranks = keras_by_rank(name for name, _ in pairs)
    formats = (borzoi_pytorch(config, shapes), keras(config, shapes))
    chosen = choose_format(formats, [name for name, _ in pairs] + list(ranks.values()), where=where)
    if chosen.name == formats[1].name:
        pairs = [(ranks[name], value) for name, value in pairs]
    return translate(pairs, chosen, shapes, where=where)


def borzoi_pytorch(config: Config, shapes: Shapes) -> Format:
    """borzoi-pytorch, and Flashzoi with its names of FlashAttention's layers."""
    modules = {"stem": "conv_dna.conv_layer"}
    for number in range(config.tower):
        theirs = f"res_tower.{2 * number}" if number < config.tower - 1 else "unet1.1"
        modules |= _conv(f"tower.{number}", theirs)
    for number in range(config.layers):
        ours, theirs = f"blocks.{number}", f"transformer.{number}"
        modules |= {f"{ours}.before_attention": f"{theirs}.0.fn.0", f"{ours}.before_network": f"{theirs}.1.fn.0"}
        modules |= {f"{ours}.expand": f"{theirs}.1.fn.1", f"{ours}.contract": f"{theirs}.1.fn.4"}
        names = {"query": "to_q", "key": "to_k", "value": "to_v", "distance": "to_rel_k", "output": "to_out"}
        names |= {"content_bias": "rel_content_bias", "distance_bias": "rel_pos_bias"}
        if config.attention == "rotary":
            names = {"projection": "mha.Wqkv", "output": "mha.out_proj"}
        modules |= {f"{ours}.attention.{mine}": f"{theirs}.0.fn.1.{name}" for mine, name in names.items()}
    for number in range(config.upsampling):
        left = config.upsampling - 1 - number  # theirs count down to the finest
        modules |= _conv(f"joins.{number}.coarse", f"upsampling_unet{left}.0")
        modules |= _conv(f"joins.{number}.fine", f"horizontal_conv{left}")
        modules |= {f"joins.{number}.depthwise": f"separable{left}.conv_layer.0"}
        modules |= {f"joins.{number}.pointwise": f"separable{left}.conv_layer.1"}
    modules |= _conv("final", "final_joined_convs.0")
    modules |= {f"heads.layers.{name}": f"{name}_head" for name in config.tracks}
    ignored = (
        (r"\.positions$", "functions of distance, which are computed for any length"),
        (r"rotary_emb\.inv_freq$", "rates of rotation, which are computed"),
    )
    return Format("borzoi-pytorch", torch_places(shapes, modules), (), ignored)


def _conv(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.norm": f"{theirs}.norm", f"{ours}.convolution": f"{theirs}.conv_layer"}


def keras(config: Config, shapes: Shapes) -> Format:
    """Keras's variables by kind and order of the layers, as `keras_by_rank` names them."""
    modules = {"stem": "conv1d#0"}
    norms = 0
    for number in range(config.tower):
        modules |= {f"tower.{number}.norm": f"batch_normalization#{norms}"}
        modules |= {f"tower.{number}.convolution": f"conv1d#{number + 1}"}
        norms += 1
    dense = 0
    for number in range(config.layers):
        ours, attention = f"blocks.{number}", f"multihead_attention#{number}"
        modules |= {f"{ours}.before_attention": f"layer_normalization#{2 * number}"}
        modules |= {f"{ours}.before_network": f"layer_normalization#{2 * number + 1}"}
        modules |= {f"{ours}.expand": f"dense#{dense}", f"{ours}.contract": f"dense#{dense + 1}"}
        dense += 2
        names = {"query": "q_layer", "key": "k_layer", "value": "v_layer", "distance": "r_k_layer"}
        names |= {"output": "embedding_layer", "content_bias": "r_w_bias", "distance_bias": "r_r_bias"}
        modules |= {f"{ours}.attention.{mine}": f"{attention}/{name}" for mine, name in names.items()}
    places: dict[str, Place] = {}
    for number in range(config.upsampling):
        for side in ("coarse", "fine"):
            modules |= {f"joins.{number}.{side}.norm": f"batch_normalization#{norms}"}
            modules |= {f"joins.{number}.{side}.convolution": f"dense#{dense}"}
            norms, dense = norms + 1, dense + 1
        theirs = f"separable_conv1d#{number}"
        places[f"{theirs}/depthwise_kernel"] = Place(f"joins.{number}.depthwise.weight", (1, 2, 0))
        places[f"{theirs}/pointwise_kernel"] = Place(f"joins.{number}.pointwise.weight", (2, 1, 0))
        places[f"{theirs}/bias"] = Place(f"joins.{number}.pointwise.bias")
    if config.final_channels is not None:
        modules |= {"final.norm": f"batch_normalization#{norms}", "final.convolution": f"conv1d#{config.tower + 1}"}
    modules |= {f"heads.layers.{name}": f"dense#{dense}" for name in list(config.tracks)[:1]}
    places |= tensorflow_places(shapes, modules, dialect="keras")
    return Format("Calico's Keras file", places)
