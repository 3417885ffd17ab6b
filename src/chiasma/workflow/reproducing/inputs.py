"""Where the inputs of an experiment lie: named datasets, or files below $CHIASMA_DATA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from chiasma.core.errors import InputError


def resolve(value: Any) -> Any:
    """Nested inputs with their files found; other values stay as they are.

    `dataset:NAME` is an entry of the catalogue (downloaded where need be), `data:PATH` a file below $CHIASMA_DATA that
    users cannot fetch by name; both take a further `:COLUMN`.

    Raises:
        InputError: CHIASMA_DATA is not set, or the file is not there.
        UsageError: no such dataset.
    """
    if isinstance(value, dict):
        return {key: resolve(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item) for item in value]
    if isinstance(value, str) and value.startswith("dataset:"):
        from chiasma.io.catalogue import resolve as named

        name, _, column = value.removeprefix("dataset:").partition(":")
        return f"{named(name)}{':' + column if column else ''}"
    if isinstance(value, str) and value.startswith("data:"):
        return _below_data(value.removeprefix("data:"))
    return value


def steps_named(value: Any) -> set[str]:
    """Names of the steps whose files nested values `step:NAME/FILE` ask for."""
    if isinstance(value, dict):
        return steps_named(list(value.values()))
    if isinstance(value, (list, tuple)):
        return {name for item in value for name in steps_named(item)}
    return {value.removeprefix("step:").partition("/")[0]} if _of_step(value) else set()


def from_steps(value: Any, folder: Path) -> Any:
    """Nested values with `step:NAME/FILE` as the path of what an earlier step writes below the output."""
    if isinstance(value, dict):
        return {key: from_steps(item, folder) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [from_steps(item, folder) for item in value]
    return str(folder / value.removeprefix("step:")) if _of_step(value) else value


def _of_step(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("step:")


def _below_data(text: str) -> str:
    path, _, column = text.partition(":")
    root = os.environ.get("CHIASMA_DATA")
    if not root:
        raise InputError(
            "CHIASMA_DATA is not set",
            where=f"data:{text}",
            expected=f"a folder that holds {path}",
            do="export CHIASMA_DATA=FOLDER; these data may not be passed on, so chiasma cannot fetch them",
        )
    found = Path(root) / path
    if not found.exists():
        raise InputError(
            "not in CHIASMA_DATA", where=f"data:{text}", got=f"nothing at {found}", do=f"put {path} into that folder"
        )
    return f"{found}{':' + column if column else ''}"
