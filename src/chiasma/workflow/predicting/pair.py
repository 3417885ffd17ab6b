"""A new set of cells against the reference that a run keeps: types, if it has any, and places in the common space."""

from __future__ import annotations

from typing import Any

from chiasma.data.dataset import Dataset
from chiasma.workflow.evaluating.evaluate import apply_calibration
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.predicting.predictions import conformal_sets, prediction_columns


def align_columns(fitted: Fitted, data: Dataset) -> dict[str, Any]:
    """Columns of a prediction for query cells: id, p_CLASS and set where the reference has types, METHOD1, METHOD2 ...
    where the cells lie in the space common to both sets.
    """
    aligned = fitted.model.align(data)
    columns: dict[str, Any] = {"id": data.ids.astype(str)}
    if fitted.target.names:
        scores = apply_calibration(fitted, aligned.probabilities)
        columns = prediction_columns(fitted, data, scores, conformal_sets(fitted, scores))
    places = aligned.after[len(fitted.model.reference_) :]
    return columns | {name: places[:, axis] for axis, name in enumerate(place_names(fitted, places.shape[1]))}


def place_names(fitted: Fitted, count: int) -> list[str]:
    """Names of the axes of the common space."""
    return [f"{fitted.method.name.replace('-', '_')}{axis + 1}" for axis in range(count)]
