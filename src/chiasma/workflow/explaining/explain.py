"""`explain`: why a fitted model says what it says, on files of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences
from chiasma.workflow.explaining.hidden import MOST_REGIONS, WHERE, explain_units, has_units
from chiasma.workflow.explaining.interpret import Explained, explain_dataset
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.simulations import load_simulations
from chiasma.workflow.model import OwnModel, resolve_model
from chiasma.workflow.predicting.predict import read_new


def explain(
    model: Any,
    inputs: Mapping[str, Any],
    *,
    output: Path | str,
    options: FitOptions | None = None,
    target: str | None = None,
    how: Explained | None = None,
) -> Path:
    """Attributions, motifs and matches of a sequence model, loadings, or what hidden units go with, into a folder.

    Of a network that gives tracks along windows, the mean of the chosen track over the window's bins is explained.

    Args:
        model: a run folder, a folder of weights, FILE.py:FUNCTION, or any network (see `resolve_model`).
        inputs: {"input": FILE} with the sequences to explain, "fasta" for BED; genotypes, and what belongs to them, for
            networks on haplotypes; empty for loadings, and for hidden units on simulations made anew.
        output: the folder to write.
        options: seed, motif file, number of examples, time limit.
        target: name of the output explained; by default the last class, or the first of other outputs.
        how: the method of attribution, and the region of the window that is explained.
    """
    fitted, options = resolve_model(model), options or FitOptions()
    if isinstance(fitted, Fitted) and fitted.method.card.data == "tracks":
        fitted = _of_windows(fitted)
    folder = Path(output)
    if not isinstance(fitted, OwnModel) and not inputs and hasattr(fitted.model, "loadings"):
        from chiasma.explain.loadings import write_loadings

        write_loadings(folder, fitted.model.loadings())
        return folder
    if isinstance(fitted, Fitted) and has_units(fitted):
        data, where = _regions(fitted, inputs, seed=options.seed)
        explain_units(fitted, data, folder=folder, where=where)
        return folder
    data, _ = read_new(fitted, inputs, seed=options.seed)
    if isinstance(fitted, OwnModel):
        fitted = fitted.measured(data)
    elif not isinstance(data.x, Sequences):
        raise UsageError(f"{fitted.method.name} has no explanation of new input", do="see explain/ in its run folder")
    explain_dataset(fitted, data, options, folder=folder, known=False, output=target, how=how or Explained())
    return folder


def _regions(fitted: Fitted, inputs: Mapping[str, Any], *, seed: int) -> tuple[Dataset, str]:
    """Windows of genotypes, or, where none are given, simulated regions of the part that a fit tests on."""
    if any(value is not None for value in inputs.values()):
        return read_new(fitted, inputs, seed=seed)[0], "windows"
    number = min(MOST_REGIONS, int(getattr(fitted.config, "test_examples", MOST_REGIONS)))
    data, split = load_simulations(fitted.config, seed=seed)
    return data.take(split.where("test")[:number]), WHERE


def _of_windows(fitted: Fitted) -> OwnModel:
    """A fitted network of tracks as one whose answer to a window is explained as a whole."""
    task = fitted.meta["task"]
    pair = tuple(int(other) for other in task["strand_pair"])
    network, name = fitted.callable(), fitted.method.name
    return OwnModel(name, network, fitted.target, task["length"], bin=task["bin"], strand_pair=pair)
