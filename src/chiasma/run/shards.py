"""Examples on disk: one zipped Zarr group a shard, read whole, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.core.files import atomic_write

Example = dict[str, np.ndarray]

FORMAT = "chiasma-examples-1"


def write_shard(path: Path, examples: dict[int, Example]) -> None:
    """Write the examples of some addresses.

    Of each named array the group holds the values of all examples in one row, and their shapes; what an example has
    under another type or number of axes than the first one keeps a name of its own.

    Args:
        path: ends in .zarr.zip; readable by any Zarr library.
        examples: arrays by address; scalars and ragged shapes as they come.
    """
    import zarr
    from zarr.storage import ZipStore

    columns: dict[tuple[str, str, int], list[tuple[int, np.ndarray]]] = {}
    for address, example in examples.items():
        for name, value in example.items():
            value = np.asarray(value)
            columns.setdefault((name, value.dtype.str, value.ndim), []).append((address, value))
    with atomic_write(path, "wb") as handle:
        part = Path(f"{handle.name}.zarr")
        try:
            store = ZipStore(part, mode="w")
            names = [[name, dtype, axes] for name, dtype, axes in columns]
            root: Any = zarr.create_group(store, attributes={"format": FORMAT, "arrays": names})
            for number, entries in enumerate(columns.values()):
                values = np.concatenate([value.ravel() for _, value in entries])
                shapes = np.array([value.shape for _, value in entries], np.int64).reshape(len(entries), -1)
                group = root.create_group(f"{number}")
                for name, array in (
                    ("values", values),
                    ("shapes", shapes),
                    ("addresses", np.array([address for address, _ in entries], np.int64)),
                ):
                    group.create_array(name, data=array, chunks=tuple(max(size, 1) for size in array.shape))
            store.close()
            handle.write(part.read_bytes())
        finally:
            part.unlink(missing_ok=True)


def read_shard(path: Path) -> dict[int, Example]:
    """The examples of a shard by address.

    Raises:
        FormatError: not a shard, or damaged.
    """
    import zarr
    from zarr.storage import ZipStore

    examples: dict[int, Example] = {}
    try:
        store = ZipStore(path, mode="r")
        root: Any = zarr.open_group(store, mode="r")
        if root.attrs["format"] != FORMAT:
            raise ValueError(f"format {root.attrs['format']}")
        for number, (name, _, axes) in enumerate(root.attrs["arrays"]):
            group = root[f"{number}"]
            values, shapes, addresses = (group[key][...] for key in ("values", "shapes", "addresses"))
            ends = np.cumsum(shapes.prod(axis=1) if axes else np.ones(len(addresses), np.int64))
            for address, shape, piece in zip(addresses.tolist(), shapes.tolist(), np.split(values, ends[:-1])):
                examples.setdefault(address, {})[name] = piece.reshape(shape[:axes])
        store.close()
    except Exception as error:
        if isinstance(error, (MemoryError, ImportError)):
            raise
        raise FormatError("not a shard of examples", where=path, got=error, do="delete it; it is made again") from error
    return examples
