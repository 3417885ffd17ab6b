"""Where samples lie on the components of a matrix method: the table behind the sample plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import write_text
from chiasma.data.dataset import Dataset
from chiasma.workflow.predicting.predictions import LABEL

_COLUMNS = ("sample", "view", "component", "value", "class")


def variate_rows(estimator: Any, data: Dataset) -> list[dict[str, Any]]:
    """One row a sample, view and component: sample, view, component, value, class.

    Args:
        estimator: fitted; its `transform` gives scores (sample, component), or a mapping of views to them.
        data: the samples; a view that a sample lacks has no row.
    """
    scores = estimator.transform(data.x)
    views = dict(scores) if isinstance(scores, Mapping) else {"x": scores}
    blocks = getattr(data.x, "blocks", {})
    present = data.x.present() if blocks else {}  # type: ignore[union-attr]
    labels = called(data)
    rows = []
    for view, values in views.items():
        here = present.get(view, np.ones(len(data), dtype=bool))
        for index in np.flatnonzero(here):
            rows += [
                {
                    "sample": str(data.ids[index]),
                    "view": view,
                    "component": f"comp{component + 1}",
                    "value": float(value),
                    "class": labels[index],
                }
                for component, value in enumerate(values[index])
            ]
    return rows


def factor_rows(factors: np.ndarray, names: Sequence[str], data: Dataset) -> list[dict[str, Any]]:
    """One row a sample and factor (sample, factor), as `variate_rows` of one view called "factors"."""
    return [
        {"sample": str(sample), "view": "factors", "component": name, "value": float(value), "class": label}
        for sample, label, row in zip(data.ids, called(data), factors, strict=True)
        for name, value in zip(names, row, strict=True)
    ]


def called(data: Dataset) -> list[str]:
    """Class of each sample (sample,), else what it was labelled, else nothing."""
    if data.target.kind in ("binary", "multiclass"):
        return [data.target.names[code] for code in data.target.values]
    return [str(label) for label in data.columns.get(LABEL, [""] * len(data))]


def write_variates(folder: Path | str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write variates.tsv into the folder; returns its path."""
    lines = ["\t".join(_COLUMNS)]
    for row in rows:
        cells = {**row, "value": f"{row['value']:.6g}"}
        lines.append("\t".join(str(cells[column]) for column in _COLUMNS))
    path = Path(folder) / "variates.tsv"
    write_text(path, "\n".join(lines) + "\n")
    return path
