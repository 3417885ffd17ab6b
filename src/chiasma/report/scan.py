"""The page of a scan for sweeps: where which class is likely, what was left out, whether the simulations fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.data.results import Figure
from chiasma.report.inline import plate
from chiasma.report.templating import template


def write_scan_page(
    path: Path | str,
    facts: Mapping[str, Any],
    *,
    windows: Sequence[Mapping[str, Any]],
    figures: Sequence[Figure],
    version: str = "",
) -> None:
    """Write the page; it needs no network and has no script.

    Args:
        path: the HTML file.
        facts: method, number of windows, `calls` (class to count), `skipped` (texts), `gate` (the verdict in words, or
            nothing), `settings` (name to text).
        windows: those to list: place, call, probability, sites.
        figures: of the contigs.
        version: of the program.
    """
    text = template("scan.html").render(
        title=f"{facts['windows']:,} windows scanned for sweeps",
        facts=facts,
        windows=windows,
        plates=[plate(figure) for figure in figures],
        settings=list(facts["settings"].items()),
        version=version,
    )
    write_text(path, text)
