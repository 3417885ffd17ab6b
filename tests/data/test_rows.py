from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiasma.data.rows import Rows, take_rows


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        slice(1, 3),
        np.array([2, 0]),
        (1, 2),
        (slice(None), 1),
        (slice(0, 2), slice(1, 3), 0),
        (2, slice(None), 1),
    ],
)
def test_rows_are_indexed_as_an_array_is(tmp_path: Path, key: Any) -> None:
    values = np.random.default_rng(1).random((6, 3, 2))
    np.save(tmp_path / "a.npy", values)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    index = np.array([4, 1, 5, 0])
    found = take_rows(mapped, index)
    assert isinstance(found, Rows) and found.shape == (4, 3, 2) and found.dtype == values.dtype
    np.testing.assert_array_equal(found[key], values[index][key])
    np.testing.assert_array_equal(take_rows(found, np.array([True, False, True, False]))[:], values[[4, 5]])
    np.testing.assert_array_equal(np.asarray(found, np.float32), values[index].astype(np.float32))
    np.testing.assert_array_equal(np.stack(list(found)), values[index])


def test_arrays_in_memory_are_taken_at_once() -> None:
    values = np.arange(6).reshape(3, 2)
    found = take_rows(values, np.array([True, False, True]))
    assert isinstance(found, np.ndarray) and found.tolist() == [[0, 1], [4, 5]]
