"""Printing: results on stdout, for people or as JSON; everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.core.files import plain


def say(text: str) -> None:
    """One line to stderr."""
    print(text, file=sys.stderr)


def emit(value: Any, text: str, *, as_json: bool) -> None:
    """Print a result: JSON where asked, else the text."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False) if as_json else text)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows in aligned columns."""
    cells = [list(columns), *[[_cell(row.get(column)) for column in columns] for row in rows]]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def estimate(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval, as text."""
    if not figure or figure.get("value") is None:
        return "not defined"
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
