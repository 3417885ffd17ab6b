"""`predict`: put a fitted model to work on new input."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.intervals import Intervals
from chiasma.fit.contracts import STUDY
from chiasma.io.tables import CONTAINERS
from chiasma.workflow.evaluating.evaluate import apply_calibration
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.training import too_short
from chiasma.workflow.loading.adaptation import adaptation_remark
from chiasma.workflow.loading.feature_vectors import is_fvec
from chiasma.workflow.loading.genotypes import GenotypeChoice
from chiasma.workflow.loading.groups import add_study
from chiasma.workflow.loading.masks import mask_remarks
from chiasma.workflow.model import OwnModel, resolve_model
from chiasma.workflow.predicting.containers import write_container
from chiasma.workflow.predicting.pair import align_columns
from chiasma.workflow.predicting.predictions import (
    conformal_sets,
    output_suffix,
    places,
    prediction_columns,
    write_table,
)
from chiasma.workflow.predicting.scan import scan_columns, write_windows

_TABLES = ("view", "matrix", "test_view", "test_matrix")
"""Names under which matrices come."""
_OF_GENOTYPES = ("mask", "ancestral", "map", "phased")
_OF_WINDOWS = ("accessible", "map_rate")
"""What mask and map tell of each window, beside its prediction."""


def predict(
    model: Any,
    inputs: Mapping[str, Any],
    *,
    output: Path | str | None = None,
    device: str = "auto",
    seed: int = 1,
    tracks: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], tuple[Skip, ...]]:
    """Predict on new files with a run's model; probabilities are calibrated as they were in the run.

    Args:
        model: a run folder, a folder of weights, FILE.py:FUNCTION, or any network (see `resolve_model`). One that gives
            tracks along windows answers bin by bin; published weights do so where "fasta" names a genome, of which
            the input has stretches.
        inputs: the card's inputs by name, or {"input": FILE} for the first of them; for genotypes also those of
            `GenotypeChoice`: region, samples, mask, ancestral, map, phased.
        output: where to write; the suffix chooses the format (see `write_table`).
        device: auto, cpu, cuda or mps.
        seed: root of any choice made on the way (which haplotypes of too many).
        tracks: names of those wanted of a network that gives tracks along windows; by default all.

    Returns:
        The columns of the prediction, and what was skipped.

    Raises:
        UsageError: the method is transductive, or the input is not what it takes.
        NotTrainedError: `model` is the name of a method, not of a trained model.
    """
    if output is not None:
        output_suffix(output)
    fitted = resolve_model(model)
    _refuse_transductive(fitted)
    along = fitted if isinstance(fitted, Fitted) and fitted.method.card.data == "tracks" else None
    if isinstance(fitted, OwnModel) and inputs.get("fasta") is not None:
        from chiasma.workflow.predicting.tracks import along_genome

        along = along_genome(fitted)
    if along is not None:
        from chiasma.workflow.predicting.tracks import predict_tracks

        return predict_tracks(along, inputs, output=output, device=device, tracks=tracks)
    if tracks:
        raise UsageError("this model gives no tracks along windows", where="--track", got=" ".join(tracks))
    if isinstance(fitted, Fitted) and fitted.method.card.locates:
        from chiasma.workflow.predicting.painted import predict_located

        return predict_located(model, fitted, inputs, output=output, device=device, seed=seed)
    data, where = read_new(fitted, inputs, seed=seed)
    if isinstance(fitted, Fitted) and fitted.method.card.data == "pair":
        columns = align_columns(fitted, data)
        return _written(fitted, data, columns, output), data.skips
    if isinstance(fitted, OwnModel):
        fitted = fitted.measured(data)
    for remark in _remarks(fitted, data, inputs):
        print(remark, file=sys.stderr, flush=True)
    scores = apply_calibration(fitted, fitted.scores(data, device=device))
    columns = prediction_columns(fitted, data, scores, conformal_sets(fitted, scores))
    columns |= {name: data.columns[name] for name in _OF_WINDOWS if name in data.columns}
    if isinstance(fitted, Fitted) and fitted.method.card.data == "simulations":
        from chiasma.workflow.predicting.gate import pass_gate

        pass_gate(model, fitted, data, scores, inputs=inputs, output=output, seed=seed)
    columns |= scan_columns(fitted, data, scores)
    if output is not None and output_suffix(output) in CONTAINERS:
        return _written(fitted, data, columns, output), data.skips
    if output is not None:
        write_windows(output, fitted, data, columns, intervals=where, fasta=inputs.get("fasta"))
    return columns, data.skips


def _remarks(fitted: Fitted | OwnModel, data: Dataset, inputs: Mapping[str, Any]) -> list[str]:
    """What the model does not see of the data, or did not learn from."""
    if isinstance(fitted, OwnModel):
        return fitted.remarks(data)
    found = too_short(data.x, fitted.meta.get("task", {}))
    if "mask" in fitted.meta and not is_fvec(inputs.get("input") or inputs.get("genotypes")):
        found += mask_remarks(fitted.meta["mask"], inputs.get("mask"))
    if "adaptation" in fitted.meta:
        found.append(adaptation_remark(fitted.meta["adaptation"], data, fitted.config))
    if "missing genotypes" in data.notes:
        found.append(str(data.notes["missing genotypes"]))
    return found


def _refuse_transductive(fitted: Fitted | OwnModel) -> None:
    if isinstance(fitted, Fitted) and fitted.method.card.transductive:
        raise UsageError(
            f"{fitted.method.name} is transductive: it describes the samples it was fitted to, no new ones",
            do=f"fit it again with the new samples: chiasma fit {fitted.method.name}",
        )


def _written(
    fitted: Fitted | OwnModel, data: Dataset, columns: dict[str, Any], output: Path | str | None
) -> dict[str, Any]:
    """The columns, after they were written where that was asked: into a container with what belongs to them."""
    if output is not None and output_suffix(output) in CONTAINERS and isinstance(fitted, Fitted):
        for remark in write_container(output, fitted, data, columns):
            print(remark, file=sys.stderr, flush=True)
    elif output is not None:
        write_table(output, columns)
    return columns


def read_new(fitted: Fitted | OwnModel, inputs: Mapping[str, Any], *, seed: int) -> tuple[Dataset, Intervals | None]:
    """New input for a model, and where its examples lie on a genome if known."""
    given = {key: value for key, value in inputs.items() if value is not None}
    if isinstance(fitted, OwnModel):
        _require_files(given, first="sequences")
        return _read_sequences(given, target=None, length=fitted.length)
    card = fitted.method.card
    _require_files(given, first=card.inputs[0].name)
    for name in _OF_GENOTYPES if card.data != "simulations" else ():
        if name in given:
            raise UsageError(f"{card.name} reads no genotypes", where=f"--{name}", got=given[name], do="leave it out")
    if card.data == "sequences":
        # As long as the fit read them: what the network crops or pads, its task does, here as there.
        return _read_sequences(given, target=fitted.target, length=fitted.meta.get("length"))
    if card.data == "simulations":
        from chiasma.workflow.loading.windows import read_windows

        path = str(given.get("input") or given["genotypes"])
        return read_windows(path, fitted.config, target=fitted.target, choice=GenotypeChoice.of(given), seed=seed)
    if card.data == "pair":
        from chiasma.workflow.loading.pair import load_query

        genes = fitted.model.reference_.features
        return load_query(str(given.get("input") or given["query"]), genes, target=fitted.target), None
    from chiasma.workflow.loading.tables import load_new

    needs = "nothing" if not card.represents else "any" if card.partial else "all"
    data = load_new(given, target=fitted.target, data=card.data, needs=needs)
    if STUDY in given and not any(port.name == STUDY for port in card.inputs):
        raise UsageError(f"{card.name} takes no notice of studies", where=f"--{STUDY}", got=given[STUDY])
    return add_study(data, card, given), None


def _require_files(given: Mapping[str, Any], *, first: str) -> None:
    """An input, and every file named is there."""
    if not any(given.get(name) for name in ("input", "positives", "sequences", "genotypes", "query", *_TABLES)):
        raise UsageError("no input to predict on", expected=f"a file as for --{first} of chiasma fit", where="INPUT")
    for name in ("input", "positives", "sequences", "genotypes", "fasta"):
        if name in given and not Path(str(given[name])).exists() and str(given[name]) != "-":
            raise UsageError("no such file", where=name, got=given[name], expected="a file", do="check the path")


def _read_sequences(
    given: Mapping[str, Any], *, target: Target | None, length: int | None
) -> tuple[Dataset, Intervals | None]:
    from chiasma.workflow.loading.sequences import load_unlabelled

    path = given.get("input") or given.get("positives") or given.get("sequences")
    data = load_unlabelled(str(path), target=target, fasta=given.get("fasta"), length=length)
    return data, places(data)
