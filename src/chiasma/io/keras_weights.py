"""Arrays of a Keras HDF5 file, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import FormatError, InputError


def read_keras_weights(path: Path | str) -> dict[str, np.ndarray]:
    """Every array of the file by its full name, such as `conv1d/conv1d/kernel:0`.

    Raises:
        InputError: no such file.
        FormatError: not HDF5, or no weights in it.
        MissingDependencyError: h5py is not installed.
    """
    h5py = require_module("h5py", extra="regulation")
    if not Path(path).exists():
        raise InputError("no such file", where=path, do="check the path")
    arrays: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and np.issubdtype(item.dtype, np.floating):
            arrays[name] = item[()]

    try:
        with h5py.File(path, "r") as file:
            # an optimiser's moments stand beside the weights in files that training can go on from
            file[("model_weights" if "model_weights" in file else "/")].visititems(keep)
    except OSError as error:
        raise FormatError(
            "not an HDF5 file, or cut short", where=path, got=error, do="copy or download the file again"
        ) from error
    if not arrays:
        raise FormatError("no weights in the file", where=path, expected="a model saved by Keras as .h5")
    return arrays
