from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.core.errors import InputError, RunError
from chiasma.fit.checkpoint import (
    load_arrays,
    load_module,
    load_optimiser,
    module_arrays,
    optimiser_arrays,
    save_arrays,
)

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = st.one_of(
    *(hnp.arrays(kind, SHAPES) for kind in (np.float32, np.float64, np.int64, np.uint8)), hnp.arrays(np.bool_, SHAPES)
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc.|é", min_size=1), ARRAYS, max_size=4))
def test_arrays_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    save_arrays(folder, "model", arrays, {"a": [1, 2.5, "x"], "b": float("nan")})
    found, meta = load_arrays(folder, "model")
    assert meta == {"a": [1, 2.5, "x"], "b": None}
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert found[name].tobytes() == value.tobytes()


def test_views_of_other_memory_orders_are_saved_as_they_look(tmp_path: Path) -> None:
    value = np.arange(12.0).reshape(3, 4).T[::-1]
    save_arrays(tmp_path, "model", {"x": value}, {})
    np.testing.assert_array_equal(load_arrays(tmp_path, "model")[0]["x"], value)


@pytest.mark.parametrize("keep", [0, 4, 60, 0.5, 0.99])
def test_truncated_file_is_named(tmp_path: Path, keep: float) -> None:
    save_arrays(tmp_path, "model", {"x": np.arange(1000.0)}, {"k": 1})
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=r"model\.safetensors: damaged"):
        load_arrays(tmp_path, "model")


def test_damaged_header_and_foreign_files_are_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_arrays(tmp_path, "model", {"x": np.arange(10.0)}, {"k": 1})
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\xff" * 20 + path.read_bytes()[20:])
    with pytest.raises(InputError, match="damaged"):
        load_arrays(tmp_path, "model")
    save_file({"x": np.arange(3.0)}, path)
    with pytest.raises(InputError, match="not written by chiasma"):
        load_arrays(tmp_path, "model")
    with pytest.raises(InputError, match="no such file"):
        load_arrays(tmp_path, "other")


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        save_arrays(tmp_path / "file", "model", {"x": np.zeros(1)}, {})


def test_weights_that_do_not_fit_are_all_listed() -> None:
    arrays = module_arrays(torch.nn.Linear(3, 2))
    arrays = {"weight": arrays["weight"].T, "gain": arrays["bias"]}
    with pytest.raises(InputError, match=r"missing bias; unknown gain; weight has shape \(3, 2\), expected \(2, 3\)"):
        load_module(torch.nn.Linear(3, 2), arrays)


@pytest.mark.parametrize("make", [torch.optim.AdamW, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)])
def test_optimiser_goes_on_where_it_was(make: object) -> None:
    def steps(model: torch.nn.Module, optimiser: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            model(torch.ones(1, 3)).pow(2).sum().backward()
            optimiser.step()

    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    optimiser = make(model.parameters())  # type: ignore[operator]
    steps(model, optimiser, 3)
    copy = torch.nn.Linear(3, 2)
    load_module(copy, module_arrays(model))
    second = make(copy.parameters())  # type: ignore[operator]
    load_optimiser(copy, second, optimiser_arrays(model, optimiser))
    steps(model, optimiser, 2)
    steps(copy, second, 2)
    assert all((model.state_dict()[name] == value).all() for name, value in copy.state_dict().items())
    with pytest.raises(RunError, match="another model"):
        load_optimiser(copy, second, {"elsewhere|step": np.zeros(())})
