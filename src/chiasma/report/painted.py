"""The page of a search on painted chromosomes: which intervals were called, what was left out, what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.data.results import Figure
from chiasma.report.inline import plate
from chiasma.report.templating import template

_MOST = 200
"""Intervals in the table of the page."""


def write_painted_page(
    path: Path | str,
    facts: Mapping[str, Any],
    *,
    intervals: Sequence[Mapping[str, Any]],
    figures: Sequence[Figure],
    version: str = "",
) -> None:
    """Write the page; it needs no network and has no script.

    Args:
        path: the HTML file.
        facts: windows, found, neutral (whether the simulations had chromosomes without selection), skipped (texts),
            gate (the verdict in words, or nothing), settings (name to text).
        intervals: contig, source, start, end, score, share.
        figures: of the windows with the highest scores.
        version: of the program.
    """
    shown = sorted(intervals, key=lambda one: -one["score"])[:_MOST]
    text = template("painted.html").render(
        title=f"{facts['found']:,} intervals on painted chromosomes",
        facts=facts,
        intervals=shown,
        left=len(intervals) - len(shown),
        plates=[plate(figure) for figure in figures],
        settings=list(facts["settings"].items()),
        version=version,
    )
    write_text(path, text)
