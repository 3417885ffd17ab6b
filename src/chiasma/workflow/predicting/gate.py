"""Before a claim on real data: do the simulations that a model learnt from look like them?"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma import __version__
from chiasma.core.errors import MismatchError, RunError
from chiasma.core.files import text_hash, write_json
from chiasma.data.dataset import Dataset
from chiasma.io.ancestral import OWN
from chiasma.report.gate import write_gate_page
from chiasma.stats.misspecification import Gate, Windows, judge
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.simulations_kept import kept_simulations, learns_beforehand, statistics_of

MOST_WINDOWS = 400
"""Windows that are compared; of more, so many evenly spaced ones."""

_TEXTS = ("region", "phased")
"""Inputs that name no file."""


def pass_gate(
    model: Any,
    fitted: Fitted,
    data: Dataset,
    scores: np.ndarray,
    *,
    inputs: Mapping[str, Any],
    output: Any,
    seed: int,
) -> Gate | None:
    """Compare windows with the simulations kept in the run folder; say it, and write it beside the predictions.

    The run folder keeps it too, in gates/, where its report finds it.

    Args:
        model: as it was named; a run folder, or a folder of weights, which keeps none.
        fitted: the same, loaded.
        data: the windows, in the order of the genome.
        scores: what the model says of them (window, output), calibrated.
        inputs: by name, from which the windows came: they name the comparison, and a later one of the same replaces it.
        output: of the predictions; STEM.gate.json and STEM.gate.html are written beside it. None writes nothing.
        seed: of folds and bootstrap.

    Returns:
        The verdict; None where the model keeps no simulations, or was fitted to the data themselves, as pg-gan is.
    """
    if not learns_beforehand(fitted):
        return None  # fitted to the data themselves
    folder = Path(str(model))
    simulations = kept_simulations(folder) if folder.is_dir() else None
    if simulations is None:
        _say("the model keeps no simulations that these data could be compared with: whether they fit cannot be said")
        return None
    chosen = np.unique(np.linspace(0, len(data) - 1, min(MOST_WINDOWS, len(data))).astype(np.int64))
    names, values = statistics_of(fitted.config, data.take(chosen))
    if names != simulations.names:
        raise MismatchError(
            "the data have other statistics than the simulations of the fit",
            where=folder,
            got=f"{len(names)}",
            expected=f"{len(simulations.names)}",
            do="fit the model again with this version",
        )
    found = judge(simulations, Windows(values, scores[chosen]), seed=seed)
    if len(chosen) < len(data):
        found = replace(found, text=f"{found.text} ({len(chosen):,} of {len(data):,} windows, evenly spaced.)")
    _say(found.text)
    record = {**found.to_dict(), "model": folder.resolve().name, "method": fitted.method.name, "seed": seed}
    _keep(folder, record, {key: value for key, value in inputs.items() if value not in (None, False)})
    if output is not None:
        path = Path(output)
        write_json(path.with_name(f"{path.stem}.gate.json"), record)
        page = path.with_name(f"{path.stem}.gate.html")
        write_gate_page(page, record, version=__version__)
    return found


def _keep(folder: Path, record: dict[str, Any], inputs: Mapping[str, Any]) -> None:
    """Write the record, and of which data it is, into the run folder; one that may not be written to is let be."""
    files = {key: Path(str(value)) for key, value in inputs.items() if _names_a_file(key, value)}
    named = {key: files[key].name if key in files else str(value) for key, value in inputs.items()}
    whole = sorted(f"{key} {files[key].resolve() if key in files else value}" for key, value in inputs.items())
    try:
        (folder / "gates").mkdir(exist_ok=True)
        write_json(folder / "gates" / f"{text_hash(*whole)[:12]}.json", {**record, "data": named})
    except (OSError, RunError):
        _say(f"the report of {folder} will not show this: the folder cannot be written to")
        return
    _say(f"the run keeps this: chiasma report {folder} shows it")


def _names_a_file(name: str, value: Any) -> bool:
    """Whether an input is a file: what is none is the same text from whatever folder the command is given."""
    return name not in _TEXTS and (name, str(value)) != ("ancestral", OWN)


def _say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)
