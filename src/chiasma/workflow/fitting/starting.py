"""The weights that a fine-tuning begins with: those of a run, of a folder, or published ones by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from chiasma.core.errors import NotTrainedError, UsageError
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.method import Method
from chiasma.workflow.weights.catalogue import PublishedWeights, list_weights
from chiasma.workflow.weights.convert import STEM

_HEAD = "heads.layers."


def published_start(start: Path | str) -> PublishedWeights | None:
    """Published weights of that name, where no file or folder has it.

    Raises:
        NotTrainedError: they were not fetched yet.
    """
    if Path(start).exists():
        return None
    found = next((one for one in list_weights() if one.name == str(start)), None)
    if found is not None and not found.available:
        raise NotTrainedError(
            "these published weights are not on this machine",
            where=f"--from {start}",
            do=f"chiasma weights get {start}",
        )
    return found


def starting_file(start: Path | str) -> Path:
    """The file of the weights, which must be there before anything is done."""
    if (entry := published_start(start)) is not None:
        return entry.folder / f"{STEM}.safetensors"
    path = Path(start) / "model.safetensors"
    if not path.exists():
        raise UsageError(
            "no trained weights",
            where="--from",
            got=start,
            expected="a run, a folder of weights, or a name of 'chiasma weights list'",
        )
    return path


def check_start(method: Method, start: Path | str) -> None:
    """Weights to begin with must be there, and of this method."""
    if method.card.contract != "task":
        raise UsageError(f"{method.name} has no weights to fine-tune", where="--from", got=start)
    entry = published_start(start)
    other = load_fitted(start).method.name if entry is None else entry.method
    if other != method.name:
        raise UsageError("weights of another method", where=f"--from {start}", got=other, expected=method.name)


def begin_with(model: Any, start: Path | str) -> None:
    """Set a network's weights to those of `start`.

    A published network's first head is taken over where it has as many tracks; otherwise the new head keeps the weights
    it was drawn with, and that is said.

    Raises:
        InputError: names or shapes of the rest differ; all differences are listed.
    """
    from chiasma.fit.checkpoint import load_arrays, load_module, module_arrays

    entry = published_start(start)
    if entry is None:
        load_module(model, module_arrays(load_fitted(start).model), where=start)
        return
    arrays, facts = load_arrays(entry.folder, STEM)
    own, theirs = module_arrays(model), next(iter(facts["config"]["tracks"]))
    ours = next(name for name in own if name.startswith(_HEAD)).removeprefix(_HEAD).partition(".")[0]
    taken = {name: value for name, value in arrays.items() if not name.startswith(_HEAD)}
    head = {name: arrays[name.replace(f"{_HEAD}{ours}.", f"{_HEAD}{theirs}.")] for name in own if _HEAD in name}
    if all(head[name].shape == own[name].shape for name in head):
        taken |= head
    else:
        print(f"the head is new: {start} has other tracks", file=sys.stderr, flush=True)
        taken |= {name: own[name] for name in head}
    load_module(model, taken, where=start)
