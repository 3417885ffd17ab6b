"""The weights that a fine-tuning begins with: those of a run, of a folder, or published ones by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
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
    """Weights to begin with must be there, and of this method or of one that its card names (`starts_from`)."""
    if method.card.contract != "task":
        raise UsageError(f"{method.name} has no weights to fine-tune", where="--from", got=start)
    entry = published_start(start)
    other = load_fitted(start).method.name if entry is None else entry.method
    if other not in (known := (method.name, *method.card.starts_from)):
        raise UsageError("weights of another method", where=f"--from {start}", got=other, expected=" or ".join(known))


def begin_with(model: Any, start: Path | str) -> None:
    """Set a network's weights to those of `start`.

    A network that can begin with a procedure's state has `begin_with` of its own, and takes from it what it needs.
    A head that reads tracks takes over the weights of the other's head of its name, a single one those of the other's
    first; where there is none, or it has another number of tracks, the head keeps the weights it was drawn with, and
    that is said.

    Raises:
        InputError: names or shapes of the rest differ; all differences are listed.
    """
    from chiasma.fit.checkpoint import load_arrays, load_module, module_arrays

    entry = published_start(start)
    if entry is None:
        fitted = load_fitted(start)
        if fitted.method.card.contract == "procedure":
            model.begin_with(fitted.model.state()[0])
            return
        arrays = module_arrays(fitted.model)
        theirs = _heads(arrays)
    else:
        arrays, facts = load_arrays(entry.folder, STEM)
        theirs = list(facts["config"]["tracks"])
    own = module_arrays(model)
    taken = {name: value for name, value in arrays.items() if not name.startswith(_HEAD)}
    ours, new = _heads(own), []
    for head in ours:
        source = head if head in theirs or len(ours) > 1 else next(iter(theirs), head)
        mine = {name: value for name, value in own.items() if name.startswith(f"{_HEAD}{head}.")}
        found = {name: arrays.get(name.replace(f"{_HEAD}{head}.", f"{_HEAD}{source}.")) for name in mine}
        fits = all(value is not None and value.shape == mine[name].shape for name, value in found.items())
        new += [] if fits else [head]
        taken |= found if fits else mine  # type: ignore[arg-type]
    if new and len(ours) == 1:
        print(f"the head is new: {start} has other tracks", file=sys.stderr, flush=True)
    elif new:
        print(f"new heads: {', '.join(new)}; {start} has none of those tracks", file=sys.stderr, flush=True)
    load_module(model, taken, where=start)


def _heads(arrays: Mapping[str, Any]) -> list[str]:
    """Names of the heads that read tracks among a network's arrays, in their order."""
    named = [name.removeprefix(_HEAD).partition(".")[0] for name in arrays if name.startswith(_HEAD)]
    return list(dict.fromkeys(named))
