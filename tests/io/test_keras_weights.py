from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError
from chiasma.io.keras_weights import read_keras_weights

h5py = pytest.importorskip("h5py")


def test_weights_without_the_optimisers_moments(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["model_weights/dense/dense/kernel:0"] = np.ones((2, 3), np.float32)
        file["optimizer_weights/Adam/m:0"] = np.ones(3, np.float32)
    found = read_keras_weights(path)
    assert list(found) == ["dense/dense/kernel:0"] and found["dense/dense/kernel:0"].shape == (2, 3)


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_keras_weights(tmp_path / "none.h5")
    (tmp_path / "x.h5").write_bytes(b"text")
    with pytest.raises(FormatError, match="not an HDF5 file"):
        read_keras_weights(tmp_path / "x.h5")
    with h5py.File(tmp_path / "e.h5", "w"):
        pass
    with pytest.raises(FormatError, match="no weights"):
        read_keras_weights(tmp_path / "e.h5")
