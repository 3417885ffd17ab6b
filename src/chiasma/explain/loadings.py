"""The features that drive each component of each view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import write_text

_COLUMNS = ("view", "component", "rank", "feature", "loading", "stability")


def top_features(
    loadings: Mapping[str, Any], *, stability: Mapping[str, Any] | None = None, n: int = 20
) -> list[dict[str, Any]]:
    """Features with the largest absolute loading, for every view and component.

    Args:
        loadings: per view a table (feature, component) with feature names as its index.
        stability: per view a table of the same features and components: share of resamples that selected them.
        n: most features a component; zeros never count.

    Returns:
        rows with view, component, rank (from 1), feature, loading and, where given, stability.
    """
    rows: list[dict[str, Any]] = []
    for view, table in loadings.items():
        steady = None if stability is None else stability.get(view)
        for component in table.columns:
            values = np.asarray(table[component], float)
            order = [index for index in np.argsort(-np.abs(values), kind="stable")[:n] if values[index] != 0]
            for rank, index in enumerate(order, start=1):
                feature = table.index[index]
                row = {"view": view, "component": component, "rank": rank, "feature": feature}
                row["loading"] = float(values[index])
                if steady is not None and component in steady.columns and feature in steady.index:
                    row["stability"] = float(steady.loc[feature, component])
                rows.append(row)
    return rows


def write_loadings(
    folder: Path | str, loadings: Mapping[str, Any], *, stability: Mapping[str, Any] | None = None, n: int = 1000
) -> Path:
    """Write loadings.tsv: the non-zero loadings of every view and component, largest first; returns its path."""
    rows = top_features(loadings, stability=stability, n=n)
    lines = ["\t".join(_COLUMNS), *["\t".join(_cell(row.get(column)) for column in _COLUMNS) for row in rows]]
    path = Path(folder) / "loadings.tsv"
    write_text(path, "\n".join(lines) + "\n")
    return path


def _cell(item: Any) -> str:
    if item is None:
        return ""
    return f"{item:.6g}" if isinstance(item, float) else str(item)
