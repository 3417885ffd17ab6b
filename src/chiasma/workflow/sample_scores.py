"""Where samples lie on the components of a matrix method: the table behind the sample plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import write_text
from chiasma.data.dataset import Dataset

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
    known = data.target.kind in ("binary", "multiclass")
    labels = [data.target.names[code] if known else "" for code in (data.target.values if known else data.ids)]
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


def write_variates(folder: Path | str, estimator: Any, data: Dataset) -> Path:
    """Write variates.tsv into the folder; returns its path."""
    lines = ["\t".join(_COLUMNS)]
    for row in variate_rows(estimator, data):
        cells = {**row, "value": f"{row['value']:.6g}"}
        lines.append("\t".join(str(cells[column]) for column in _COLUMNS))
    path = Path(folder) / "variates.tsv"
    write_text(path, "\n".join(lines) + "\n")
    return path
