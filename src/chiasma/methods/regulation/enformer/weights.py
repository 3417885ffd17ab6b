"""Published checkpoints of Enformer to our state dict: DeepMind's variables, and enformer-pytorch's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from chiasma.methods.regulation.enformer.config import Config
from chiasma.methods.regulation.enformer.model import build
from chiasma.nn.published import (
    Format,
    Shapes,
    WeightReport,
    choose_format,
    shapes_of,
    tensorflow_places,
    torch_places,
    translate,
)

_TRUNK = "enformer/trunk"


def convert(
    arrays: Mapping[str, Any] | Iterable[tuple[str, Any]], config: Config, *, where: object = None
) -> tuple[dict[str, torch.Tensor], WeightReport]:
    """Our state dict from a published one.

    Args:
        arrays: tensors or arrays by name; pairs where names repeat, as the two dense layers of DeepMind's mlp do.
        config: with the heads that are wanted; the checkpoint's other heads are refused as foreign.
        where: the file, for messages.

    Raises:
        FormatError, MismatchError: not an Enformer, foreign keys, other shapes.
    """
    pairs = list(arrays.items() if isinstance(arrays, Mapping) else arrays)
    with torch.device("meta"):
        shapes = shapes_of(build(config))
    formats = (enformer_pytorch(config, shapes), sonnet(config, shapes))
    chosen = choose_format(formats, (name for name, _ in pairs), where=where)
    if chosen.name == formats[1].name:
        pairs = [(_which_dense(name, value, config.channels), value) for name, value in pairs]
    return translate(pairs, chosen, shapes, where=where)


def enformer_pytorch(config: Config, shapes: Shapes) -> Format:
    """enformer-pytorch registers its trunk twice; `_trunk.*` repeats every tensor of it."""
    modules = {"tower.0.first": "stem.0", **_stage("tower.0", "stem.1.fn", "stem.2")}
    for number in range(config.tower):
        ours, theirs = f"tower.{number + 1}", f"conv_tower.{number}"
        modules |= {f"{ours}.first.norm": f"{theirs}.0.0", f"{ours}.first.convolution": f"{theirs}.0.2"}
        modules |= _stage(ours, f"{theirs}.1.fn", f"{theirs}.2")
    for number in range(config.layers):
        ours, theirs = f"blocks.{number}", f"transformer.{number}"
        attention = f"{theirs}.0.fn.1"
        modules |= {f"{ours}.before_attention": f"{theirs}.0.fn.0", f"{ours}.before_network": f"{theirs}.1.fn.0"}
        modules |= {f"{ours}.expand": f"{theirs}.1.fn.1", f"{ours}.contract": f"{theirs}.1.fn.4"}
        names = {"query": "to_q", "key": "to_k", "value": "to_v", "distance": "to_rel_k", "output": "to_out"}
        names |= {"content_bias": "rel_content_bias", "distance_bias": "rel_pos_bias"}
        modules |= {f"{ours}.attention.{mine}": f"{attention}.{name}" for mine, name in names.items()}
    modules |= {"final.norm": "final_pointwise.1.0", "final.convolution": "final_pointwise.1.2"}
    modules |= {f"heads.layers.{name}": f"_heads.{name}.0" for name in config.tracks}
    again = {1: "stem", 2: "conv_tower", 4: "transformer", 6: "final_pointwise"}
    aliases = tuple((rf"^_trunk\.{index}\.", f"{name}.") for index, name in again.items())
    return Format("enformer-pytorch", torch_places(shapes, modules), aliases)


def _stage(ours: str, pointwise: str, pool: str) -> dict[str, str]:
    return {
        f"{ours}.pointwise.norm": f"{pointwise}.0",
        f"{ours}.pointwise.convolution": f"{pointwise}.2",
        f"{ours}.pool.logits": f"{pool}.to_attn_logits",
    }


def sonnet(config: Config, shapes: Shapes) -> Format:
    """DeepMind's variables as TensorFlow names them, every module's name standing twice."""
    modules = {"tower.0.first": f"{_TRUNK}/stem/stem/conv1_d", **_sonnet_stage("tower.0", f"{_TRUNK}/stem/stem")}
    for number in range(config.tower):
        ours, block = f"tower.{number + 1}", f"conv_tower_block_{number}"
        theirs = f"{_TRUNK}/conv_tower/conv_tower/{block}/{block}"
        modules |= _sonnet_conv(f"{ours}.first", f"{theirs}/conv_block/conv_block") | _sonnet_stage(ours, theirs)
    for number in range(config.layers):
        ours, block = f"blocks.{number}", f"transformer_block_{number}"
        theirs = f"{_TRUNK}/transformer/transformer/{block}/{block}"
        attention = f"{theirs}/mha/mha/attention_{number}"
        modules |= {f"{ours}.before_attention": f"{theirs}/mha/mha/layer_norm"}
        modules |= {f"{ours}.before_network": f"{theirs}/mlp/mlp/layer_norm"}
        modules |= {
            f"{ours}.expand": f"{theirs}/mlp/mlp/project_in",
            f"{ours}.contract": f"{theirs}/mlp/mlp/project_out",
        }
        names = {"query": "q_layer", "key": "k_layer", "value": "v_layer", "distance": "r_k_layer"}
        names |= {"output": "embedding_layer", "content_bias": "r_w_bias", "distance_bias": "r_r_bias"}
        modules |= {f"{ours}.attention.{mine}": f"{attention}/{name}" for mine, name in names.items()}
    modules |= _sonnet_conv("final", f"{_TRUNK}/final_pointwise/final_pointwise/conv_block/conv_block")
    for name in config.tracks:
        modules[f"heads.layers.{name}"] = f"enformer/heads/head_{name}/head_{name}/linear"
    places = tensorflow_places(shapes, modules, dialect="sonnet")
    ignored = (
        (r"/moving_(mean|variance)/(hidden|counter)$", "state of a running average that evaluation never reads"),
    )
    return Format("DeepMind's TensorFlow variables", places, ((r":0$", ""),), ignored)


def _sonnet_conv(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.norm": f"{theirs}/batch_norm", f"{ours}.convolution": f"{theirs}/conv1_d"}


def _sonnet_stage(ours: str, theirs: str) -> dict[str, str]:
    pointwise = f"{theirs}/pointwise_conv_block/pointwise_conv_block"
    return {**_sonnet_conv(f"{ours}.pointwise", pointwise), f"{ours}.pool.logits": f"{theirs}/softmax_pooling/linear"}


def _which_dense(name: str, value: Any, channels: int) -> str:
    """Both dense layers of a block's mlp are called `linear`; the one that widens gives more than it takes."""
    if "/mlp/mlp/linear/" not in name:
        return name
    return name.replace("/linear/", "/project_in/" if value.shape[-1] > channels else "/project_out/")
