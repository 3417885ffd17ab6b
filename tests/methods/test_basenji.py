from __future__ import annotations

import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError, UsageError
from chiasma.methods.regulation.basenji.config import (
    Config,
    basenji2,
    basenji2_mouse,
    basenji2018,
    tiny,
)
from chiasma.methods.regulation.basenji.model import Basenji, build
from chiasma.methods.regulation.basenji.weights import convert, keras
from chiasma.nn.published import shapes_of


def sequence(length: int, *, batch: int = 1) -> torch.Tensor:
    codes = torch.randint(0, 4, (batch, length), generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.one_hot(codes, 4).float().transpose(1, 2)


def tiny_first() -> Config:
    """The first edition, small."""
    tower = [{"filters": 8, "width": 22}, {"filters": 8, "width": 6, "pool": 4}, {"filters": 12, "width": 3, "pool": 8}]
    return tiny().replace(edition="first", tower=tower, dilations=(2, 4), link="exp-linear")


@pytest.mark.parametrize(
    ("config", "count"),
    [(basenji2(), 30_088_228), (basenji2_mouse(), 24_447_438), (basenji2018(), 15_190_636)],
    ids=["basenji2", "mouse", "2018"],
)
def test_published_sizes(config: Config, count: int) -> None:
    with torch.device("meta"):
        model = build(config)
    assert sum(value.numel() for value in model.parameters()) == count
    assert config.bin == 128


def test_published_geometry() -> None:
    assert basenji2().length // 128 - 2 * basenji2().crop == 896
    assert [block.filters for block in basenji2().tower] == [288, 339, 399, 470, 554, 652, 768]
    growing = [288 * 1.1776**power for power in range(7)]
    assert [round(size) for size in growing] == [block.filters for block in basenji2().tower]


@torch.no_grad()
@pytest.mark.parametrize("config", [tiny(), tiny_first()], ids=["second", "first"])
def test_shapes(config: Config) -> None:
    torch.manual_seed(1)
    model = build(config).eval()
    x = sequence(1024, batch=2)
    assert model(x).shape == (2, 24, 5) and (model(x) > 0).all()
    assert model.trunk(x).shape == (2, 16, 24)  # type: ignore[operator]
    assert build(config, 7)(x).shape == (2, 24, 7)
    with pytest.raises(InputError, match="a multiple of 32 above 256"):
        model(sequence(1000))


@torch.no_grad()
def test_filters_of_even_width_reach_one_further_to_the_right() -> None:
    """As TensorFlow pads: of 6 positions 2 lie before and 3 after."""
    torch.manual_seed(1)
    block = build(tiny_first()).eval().tower[1].layer  # type: ignore[index]
    x = torch.zeros(1, 8, 20)
    x[0, :, 10] = 1
    moved = (block(x) != block(torch.zeros_like(x)))[0].any(dim=0).nonzero().flatten()
    assert moved.tolist() == [7, 8, 9, 10, 11, 12]


@torch.no_grad()
def test_residual_blocks_begin_as_the_identity() -> None:
    torch.manual_seed(1)
    block = build(tiny()).eval().dilated[0]  # type: ignore[index]
    x = torch.randn(1, 16, 12)
    torch.testing.assert_close(block(x), x)


def test_recomputing_activations_changes_nothing_but_memory() -> None:
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(1)
        model = build(tiny().replace(checkpointing=checkpointing)).train()
        torch.manual_seed(2)
        model(sequence(1024, batch=2)).sum().backward()
        gradients.append({name: value.grad for name, value in model.named_parameters() if value.grad is not None})
        gradients[-1] |= {name: value for name, value in model.named_buffers() if value.is_floating_point()}
    for name, value in gradients[0].items():
        torch.testing.assert_close(value, gradients[1][name], msg=name)


def test_keras_variables_come_back() -> None:
    torch.manual_seed(1)
    model = build(tiny())
    assert isinstance(model, Basenji)
    state, pairs = model.state_dict(), []
    for name, (target, axes) in keras(model.config, shapes_of(model)).places.items():
        layer, rest = name.split("/", 1)
        kind, rank = layer.split("#")
        numbered = kind if rank == "0" else f"{kind}_{rank}"
        value = state[target].numpy() if axes is None else state[target].numpy().transpose(np.argsort(axes))
        pairs.append((f"model_weights/{numbered}/{numbered}/{rest}:0", value))
    found, report = convert(pairs, model.config)
    report.require_complete()
    for name, value in state.items():
        assert name.endswith("num_batches_tracked") or torch.equal(found[name], value), name


def test_checkpoints_of_the_first_edition_are_refused() -> None:
    with pytest.raises(UsageError, match="take the preset basenji2"):
        convert({}, basenji2018())


@pytest.mark.parametrize(
    ("settings", "message"), [({"length": 1000}, "length must be a multiple"), ({"crop": 512}, "leaves nothing")]
)
def test_shapes_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        basenji2().replace(**settings)
