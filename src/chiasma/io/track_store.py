"""Windows and their targets on disk: two arrays, read by row as memory maps, written once, a shard at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chiasma.core.errors import RunError
from chiasma.core.files import read_json, write_json

SHARD = 256
"""Windows written before progress is recorded."""

Fill = Callable[[int, int], tuple[np.ndarray, np.ndarray]]
"""Codes uint8 (window, position) and targets float16 (window, bin, track) of the windows from one to before another."""


def keep_windows(
    folder: Path, fill: Fill, *, windows: int, length: int, shape: tuple[int, int], shard: int = SHARD
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of a folder as read-only memory maps; what is not there yet is filled in and kept.

    It is written beside its place and renamed when complete, so a folder is whole or absent. A writing that was killed
    goes on after the last shard recorded.

    Args:
        folder: its name must tell of what it was made.
        fill: makes windows.
        windows: how many.
        length: bases of each.
        shape: bins and tracks.
        shard: windows made at a time.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    if not (folder / "whole.json").exists():
        try:
            _write(folder, fill, windows=windows, length=length, shape=shape, shard=shard)
        except OSError as error:
            raise RunError(
                "windows cannot be kept", where=folder, got=error, do="make room, or set CHIASMA_CACHE to another disk"
            ) from error
    return np.load(folder / "codes.npy", mmap_mode="r"), np.load(folder / "targets.npy", mmap_mode="r")


def _write(folder: Path, fill: Fill, *, windows: int, length: int, shape: tuple[int, int], shard: int) -> None:
    work = folder.with_name(folder.name + ".partial")
    work.mkdir(parents=True, exist_ok=True)
    record = work / "whole.json"
    done = int(read_json(record)["windows"]) if record.exists() else 0
    mode = "r+" if done else "w+"
    codes = np.lib.format.open_memmap(work / "codes.npy", mode, np.uint8, (windows, length))  # type: ignore[no-untyped-call]
    values = np.lib.format.open_memmap(work / "targets.npy", mode, np.float16, (windows, *shape))  # type: ignore[no-untyped-call]
    for start in range(done, windows, shard):
        stop = min(start + shard, windows)
        codes[start:stop], values[start:stop] = fill(start, stop)
        codes.flush()
        values.flush()
        write_json(record, {"windows": stop})
    del codes, values
    os.replace(work, folder)
