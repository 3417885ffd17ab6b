"""Some rows of an array that lies on disk, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class Rows:
    """Rows of an array in any order; indexed as an array is, it gives arrays.

    Args:
        array: (row, ...), for instance a memory map.
        index: which rows, in order.
    """

    def __init__(self, array: np.ndarray, index: np.ndarray) -> None:
        self._array, self._index = array, np.asarray(index)
        self.shape = (len(self._index), *array.shape[1:])
        self.dtype, self.ndim = array.dtype, array.ndim

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, key: Any) -> Any:
        """What an array of these rows would give."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        rows = self._array[self._index[first]]
        return rows[(*([] if np.ndim(self._index[first]) == 0 else [slice(None)]), *rest)] if rest else rows

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._array[row] for row in self._index)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 - numpy asks so
        if copy is False:
            raise ValueError("rows are read from where they lie: there is no array without a copy")
        return np.asarray(self._array[self._index], dtype)

    def rows(self, index: np.ndarray) -> Rows:
        """Some of these rows, not read yet."""
        return Rows(self._array, self._index[index])


def take_rows(array: Any, index: np.ndarray) -> Any:
    """Rows of an array (integers or a mask), of one that lies on disk not read yet."""
    index = np.asarray(index)
    index = np.flatnonzero(index) if index.dtype == bool else index
    if isinstance(array, Rows):
        return array.rows(index)
    return Rows(array, index) if isinstance(array, np.memmap) else array[index]
