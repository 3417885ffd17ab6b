"""What is worth saying of data once they are read: what was left out, what is missing, what does not vary."""

from __future__ import annotations

from collections.abc import Mapping

from chiasma.core.errors import list_some
from chiasma.data.dataset import Dataset
from chiasma.workflow.loading.tables import WITHOUT_VIEW

SAID = (WITHOUT_VIEW, "cells without a count", "values are not counts")
"""How the notes begin that are said at once; all notes are in the report."""


def reading_remarks(dataset: Dataset) -> list[str]:
    """Lines for people: skips, samples without a view, and per view missing values and constant features, counted."""
    found = [str(skip) for skip in dataset.skips]
    for key, value in dataset.notes.items():
        if key.startswith(SAID):
            found.append(f"{key}: {value}")
        elif key.startswith("view ") and isinstance(value, Mapping):
            found += _weak(key, value)
    return found


def _weak(view: str, facts: Mapping[str, object]) -> list[str]:
    found = []
    if missing := facts.get("missing values"):
        found.append(f"{view}: {missing:,} values are missing")
    if constant := facts.get("constant features"):
        names = facts.get("named")
        shown = f" ({list_some(names)})" if isinstance(names, list) else ""
        found.append(f"{view}: {constant:,} of {facts['features']:,} features are constant and tell nothing{shown}")
    return found
