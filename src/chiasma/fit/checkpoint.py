"""Named arrays and their facts on disk: safetensors and JSON, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InputError, RunError
from chiasma.core.files import atomic_write, plain, write_json

_META = "meta"


def save_arrays(folder: Path | str, name: str, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Write NAME.safetensors, then NAME.json, each whole or not at all.

    The facts stand in the header of the first file too, which is what is read back: a kill between the two writes
    cannot pair new arrays with old facts.

    Args:
        folder: made if absent.
        name: file stem.
        arrays: numeric arrays of any shape.
        meta: JSON-ready facts; NaN becomes null.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    facts = plain(dict(meta))
    whole = {key: np.ascontiguousarray(value).reshape(np.shape(value)) for key, value in arrays.items()}
    with atomic_write(folder / f"{name}.safetensors", "wb") as handle:
        handle.write(save(whole, metadata={_META: json.dumps(facts, sort_keys=True)}))
    write_json(folder / f"{name}.json", facts)


def load_arrays(folder: Path | str, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Returns:
        The arrays and the facts.

    Raises:
        InputError: absent, truncated, corrupted, or not written by chiasma.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise InputError("no such file", where=path, expected="arrays saved by chiasma", do="check the folder")
    try:
        with safe_open(path, framework="np") as handle:
            meta = json.loads((handle.metadata() or {})[_META])
            return {key: handle.get_tensor(key) for key in handle.keys()}, meta  # noqa: SIM118 - not a dict
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InputError(
            "damaged, or not written by chiasma",
            where=path,
            got=f"{type(error).__name__}: {error}",
            expected="a complete safetensors file",
            do="restore it from a copy, or run the fit again",
        ) from error


def module_arrays(module: Any) -> dict[str, np.ndarray]:
    """Weights and buffers of a torch module by their names in its state dict."""
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}


def load_module(module: Any, arrays: Mapping[str, np.ndarray], *, where: object = None) -> None:
    """Set a torch module's weights and buffers from arrays of the same names and shapes.

    Raises:
        InputError: names or shapes differ; all differences are listed.
    """
    import torch

    own = module.state_dict()
    problems = [*_surplus("missing", own, arrays), *_surplus("unknown", arrays, own)]
    for name in own.keys() & arrays.keys():
        if tuple(own[name].shape) != tuple(arrays[name].shape):
            problems.append(f"{name} has shape {tuple(arrays[name].shape)}, expected {tuple(own[name].shape)}")
    if problems:
        raise InputError(
            "weights do not fit the model",
            where=where,
            got="; ".join(problems),
            do="use the configuration they came with",
        )
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})


def _surplus(what: str, names: Iterable[str], others: Mapping[str, Any]) -> list[str]:
    return [f"{what} {name}" for name in names if name not in others]


def optimiser_arrays(model: Any, optimiser: Any) -> dict[str, np.ndarray]:
    """State of a torch optimiser as NAME_OF_PARAMETER|ENTRY arrays; settings of its groups are not included."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    arrays = {}
    for parameter, entries in optimiser.state.items():
        for entry, value in entries.items():
            if value is not None:
                tensor = value.detach().cpu().numpy().copy() if hasattr(value, "detach") else np.asarray(value)
                arrays[f"{names[id(parameter)]}|{entry}"] = tensor
    return arrays


def load_optimiser(model: Any, optimiser: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Set an optimiser's state from what `optimiser_arrays` gave.

    Raises:
        RunError: the arrays belong to another model.
    """
    import torch

    parameters = dict(model.named_parameters())
    for key, value in arrays.items():
        name, _, entry = key.rpartition("|")
        if name not in parameters:
            raise RunError("the optimiser's state belongs to another model", got=name)
        tensor = torch.from_numpy(np.array(value))
        # AdamW counts steps in a tensor on the CPU; moments lie with their parameter.
        optimiser.state[parameters[name]][entry] = tensor if tensor.ndim == 0 else tensor.to(parameters[name].device)
