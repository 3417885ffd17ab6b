"""What the model said of each test example, and the examples it got most wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.report.load import Run
from chiasma.report.words import figure


@dataclass(frozen=True, eq=False)
class Answers:
    """A classifier's answers on the test part.

    Attributes:
        ids: (example,).
        y: true class code (example,).
        probabilities: (example, class).
        names: class names.
        sets: conformal set as text (example,), or None.
    """

    ids: np.ndarray
    y: np.ndarray
    probabilities: np.ndarray
    names: list[str]
    sets: np.ndarray | None

    @property
    def n_classes(self) -> int:
        """Classes there are."""
        return len(self.names)

    def set_sizes(self) -> np.ndarray:
        """Classes in the conformal set of each example (example,)."""
        assert self.sets is not None
        return np.array([len([name for name in str(text or "").split("|") if name]) for text in self.sets], int)


def answers(run: Run) -> Answers | None:
    """The test part of a classifier's predictions, or None for anything else."""
    columns = run.predictions
    found = [name.removeprefix("p_") for name in columns if name.startswith("p_")]
    if not found or "y" not in columns or run.target.get("kind") not in ("binary", "multiclass", None):
        return None
    names = [str(name) for name in run.target.get("names") or found]
    if len(found) == 1 and len(names) == 2:
        positive = columns[f"p_{found[0]}"].astype(float)
        probabilities = np.column_stack([1 - positive, positive])
    elif set(names) <= set(found):
        probabilities = np.column_stack([columns[f"p_{name}"] for name in names]).astype(float)
    else:
        names = found
        probabilities = np.column_stack([columns[f"p_{name}"] for name in found]).astype(float)
    y = _codes(columns["y"], names)
    keep = (y >= 0) & np.isfinite(probabilities).all(1)
    if "part" in columns:
        keep &= columns["part"] == "test"
    if not keep.any() or probabilities.shape[1] < 2:
        return None
    ids = columns.get("id", np.arange(len(y)).astype(str))
    sets = columns["set"][keep] if "set" in columns and any(columns["set"][keep]) else None
    return Answers(ids[keep], y[keep], probabilities[keep], names, sets)


def _codes(values: np.ndarray, names: list[str]) -> np.ndarray:
    order = {name: code for code, name in enumerate(names)}
    codes = []
    for value in values.tolist():
        if isinstance(value, str):
            codes.append(order.get(value, -1))
        else:
            codes.append(int(value) if value is not None and value == value and 0 <= value < len(names) else -1)
    return np.array(codes, int)


def worst_errors(run: Run, *, most: int = 20) -> dict[str, Any]:
    """The test examples that the model got most wrong: header and rows ready to print, and how many errors there are.

    Classifiers: the wrong answers with the least probability for the truth. Regression: the largest differences.
    """
    found = answers(run)
    if found is not None:
        return _wrong_answers(found, most)
    return _largest_residuals(run, most)


def _wrong_answers(found: Answers, most: int) -> dict[str, Any]:
    truth = found.probabilities[np.arange(len(found.y)), found.y]
    given = found.probabilities.argmax(1)
    wrong = np.flatnonzero(given != found.y)
    rows = []
    for index in wrong[np.argsort(truth[wrong], kind="stable")][:most]:
        row = [str(found.ids[index]), found.names[found.y[index]], found.names[given[index]]]
        row += [figure(float(truth[index])), figure(float(found.probabilities[index].max()))]
        if found.sets is not None:
            row.append(str(found.sets[index] or "").replace("|", ", ") or "none")
        rows.append(row)
    header = ["example", "truth", "answer", "probability of the truth", "of the answer"]
    header += ["conformal set"] if found.sets is not None else []
    return {"header": header, "rows": rows, "wrong": len(wrong), "total": len(found.y), "numeric": {3, 4}}


def _largest_residuals(run: Run, most: int) -> dict[str, Any]:
    columns = run.predictions
    tracks = [name.removeprefix("yhat_") for name in columns if name.startswith("yhat_")]
    if not tracks:
        return {"header": [], "rows": [], "wrong": 0, "total": 0, "numeric": set()}
    keep = columns["part"] == "test" if "part" in columns else np.ones(len(columns[f"yhat_{tracks[0]}"]), bool)
    ids = columns.get("id", np.arange(len(keep)).astype(str))[keep]
    found: list[tuple[float, list[str]]] = []
    for track in tracks:
        truth = columns.get(f"y_{track}", columns.get("y") if len(tracks) == 1 else None)
        if truth is None:
            continue
        y, yhat = truth[keep].astype(float), columns[f"yhat_{track}"][keep].astype(float)
        error = yhat - y
        for index in np.argsort(-np.abs(np.nan_to_num(error)), kind="stable")[:most]:
            texts = [figure(float(value), sign=sign) for value, sign in ((y[index], False), (yhat[index], False))]
            texts.append(figure(float(error[index]), sign=True))
            found.append((abs(float(error[index])), [str(ids[index]), track, *texts]))
    found.sort(key=lambda pair: -pair[0])
    header = ["example", "track", "truth", "predicted", "error"]
    rows = [row for _, row in found[:most]]
    return {"header": header, "rows": rows, "wrong": None, "total": int(keep.sum()), "numeric": {2, 3, 4}}
