from __future__ import annotations

import numpy as np
import pytest
import torch

from chiasma.core.errors import FormatError, MismatchError
from chiasma.nn.published import Format, Place, choose_format, keras_by_rank, tensorflow_places, torch_places, translate

SHAPES = {"a.weight": torch.Size([2, 3]), "a.bias": torch.Size([2])}


def layout(**changes: object) -> Format:
    return Format("theirs", torch_places(SHAPES, {"a": "b"}), **changes)  # type: ignore[arg-type]


def test_every_key_is_accounted_for() -> None:
    kernel = np.arange(6.0).reshape(2, 3)
    pairs = [("b.weight", kernel), ("twin.weight", kernel), ("epoch", np.zeros(1))]
    state, report = translate(pairs, layout(aliases=((r"^twin\.", "b."),), ignored=(("epoch", "a counter"),)), SHAPES)
    assert state["a.weight"].tolist() == kernel.tolist()
    assert report.mapped == {"b.weight": "a.weight"} and report.duplicates == {"twin.weight": "b.weight"}
    assert report.dropped == {"epoch": "a counter"} and report.missing == ("a.bias",)
    assert str(report) == "theirs: 1 mapped, 1 dropped, 1 duplicate, 1 missing"
    with pytest.raises(MismatchError, match=r"lacks 1 of the model's tensors(.|\n)*a\.bias"):
        report.require_complete(where="x.pt")
    report.require_complete(but="a.")


def test_foreign_keys_are_named() -> None:
    with pytest.raises(MismatchError, match=r"x\.pt: the checkpoint holds 1 keys(.|\n)*lora\.down"):
        translate([("b.bias", np.zeros(2)), ("lora.down", np.zeros(2))], layout(), SHAPES, where="x.pt")


def test_other_shapes_are_named() -> None:
    with pytest.raises(MismatchError, match=r"b\.weight \(3, 2\), not \(2, 3\)"):
        translate([("b.weight", np.zeros((3, 2)))], layout(), SHAPES)


def test_doubles_that_differ_are_refused() -> None:
    pairs = [("b.bias", np.zeros(2)), ("twin.bias", np.ones(2))]
    with pytest.raises(MismatchError, match="differ"):
        translate(pairs, layout(aliases=((r"^twin\.", "b."),)), SHAPES)


def test_something_else_altogether_is_no_format() -> None:
    with pytest.raises(FormatError, match=r"encoder\.0(.|\n)*theirs \(b\.weight"):
        choose_format([layout()], ["encoder.0"])


def test_tensorflow_kernels_are_turned() -> None:
    shapes = {"c.weight": torch.Size([5, 4, 3]), "c.bias": torch.Size([5])}
    shapes |= {f"n.{name}": torch.Size([5]) for name in ("weight", "bias", "running_mean", "running_var")}
    shapes["n.num_batches_tracked"] = torch.Size([])
    modules = {"c": "conv", "n": "norm"}
    keras = tensorflow_places(shapes, modules, dialect="keras")
    assert keras["conv/kernel"] == Place("c.weight", (2, 1, 0)) and keras["norm/gamma"] == Place("n.weight")
    kernel = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    values = {"conv/w": kernel, "conv/b": np.zeros(5), "norm/scale": np.ones(5), "norm/offset": np.zeros(5)}
    values |= {"norm/moving_mean/average": np.zeros((1, 1, 5)), "norm/moving_variance/average": np.ones((1, 1, 5))}
    sonnet = Format("sonnet", tensorflow_places(shapes, modules, dialect="sonnet"))
    state, report = translate(values.items(), sonnet, shapes)
    assert report.missing == () and state["n.num_batches_tracked"] == 0
    x = np.random.default_rng(2).normal(size=(9, 4)).astype(np.float32)
    slow = np.array([sum(x[i + k] @ kernel[k] for k in range(3)) for i in range(7)])
    fast = torch.nn.functional.conv1d(torch.from_numpy(x.T[None]), state["c.weight"], state["c.bias"].float())
    np.testing.assert_allclose(fast[0].numpy().T, slow, atol=1e-5)


def test_layers_of_a_keras_file_count_by_order_not_by_number() -> None:
    names = ["model_weights/conv1d_12/conv1d_12/kernel:0", "model_weights/conv1d_9/conv1d_9/kernel:0", "dense/bias:0"]
    names.append("model_weights/attention/attention/q_layer/kernel:0")
    assert list(keras_by_rank(names).values()) == [
        "conv1d#1/kernel",
        "conv1d#0/kernel",
        "dense#0/bias",
        "attention#0/q_layer/kernel",
    ]
