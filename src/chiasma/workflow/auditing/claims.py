"""Somebody's predictions for an audit: read from a table, and measured alone where they bring their own truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.audit.claims import check_claims
from chiasma.audit.context import make_context
from chiasma.core.errors import FormatError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Finding, Predictions
from chiasma.data.split import Split
from chiasma.workflow.auditing.parts import suffix

_NOT_SCORES = ("id", "y", "label", "truth", "part", "set", "name")
_TRUTH = ("y", "truth", "label")


def read_predictions(path: Path | str) -> tuple[Predictions, dict[str, str]]:
    """Scores by id, as many rows as the table has, and the truth that it holds (empty if none).

    Raises:
        FormatError: not a table, or without a column of numbers.
    """
    table = _read_table(path)
    key = "id" if "id" in table else next(iter(table))
    scores = {}
    for name, values in table.items():
        if name == key or name.lower() in _NOT_SCORES:
            continue
        try:
            scores[name] = np.array([float(value) for value in values])
        except (TypeError, ValueError):
            continue
    chosen = {name: values for name, values in scores.items() if name.startswith(("p_", "yhat_"))} or scores
    if not chosen:
        raise FormatError("no column of scores", where=path, got=", ".join(table), expected="id, y, p")
    ids = np.array([str(value) for value in table[key]], dtype=object)
    truth = next((table[name] for name in _TRUTH if name in table), [])
    if table.keys() >= {"part", "unit", "y"}:
        truth = _classes_by_name(truth, [name for name in chosen if name.startswith("p_")])
    return Predictions(ids, chosen), {str(name): str(value) for name, value in zip(ids, truth)}


def _classes_by_name(codes: list[Any], columns: list[str]) -> list[Any]:
    """The classes that a run's predictions.parquet gives as numbers, in the order of its columns."""
    if not columns or not all(str(code) in map(str, range(len(columns))) for code in codes):
        return codes
    return [columns[int(code)].removeprefix("p_") for code in codes]


def _read_table(path: Path | str) -> dict[str, list[Any]]:
    if suffix(path) == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pydict()
    import csv

    from chiasma.io.textfile import read_lines

    lines = [line for _, line in read_lines(path) if line.strip()]
    separator = "\t" if lines and "\t" in lines[0] else ","
    rows = list(csv.reader(lines, delimiter=separator))
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise FormatError("not a table of predictions", where=path, expected="a heading, then id, y and scores")
    return {name: [row[index] for row in rows[1:]] for index, name in enumerate(rows[0])}


def strangers(claims: Predictions, ids: np.ndarray) -> list[str]:
    """Ids that are predicted and not among the examples."""
    known = set(ids.astype(str).tolist())
    return [str(name) for name in claims.ids if str(name) not in known]


def claims_alone(data: Dataset, split: Split, claims: Predictions, truth: dict[str, str]) -> list[Finding]:
    """Measure predictions that bring their own truth, for parts without labels: nothing else is examined."""
    from chiasma.io.sequence_table import make_target

    test = split.where("test")
    held = np.array([i for i in test if truth.get(str(data.ids[i]))], dtype=int)
    if not len(held):
        message = "The predictions could not be measured: neither labels nor a column y for test examples."
        return [Finding("claims", "predictions", "warning", message)]
    target, known = make_target({"y": [truth[str(data.ids[i])] for i in held]}, where="predictions")
    held = held[known]
    values = np.zeros((len(data), *np.shape(target.values)[1:]), np.asarray(target.values).dtype)
    values[held] = target.values
    full = replace(data, target=Target(target.kind, values, target.names))
    part = split.part.copy()
    part[np.setdiff1d(test, held)] = "dropped"
    context = make_context(full, replace(split, part=part), seed=0, budget_s=60, predictions=claims)
    return check_claims(context)
