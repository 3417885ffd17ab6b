"""The page of one run: self-contained HTML that opens from disk without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chiasma.core.errors import RunError
from chiasma.core.files import plain, write_json, write_text
from chiasma.report.dome import dome
from chiasma.report.examples import worst_errors
from chiasma.report.explanations import explain_section
from chiasma.report.figures import draw_figures, save_figures
from chiasma.report.gate import gate_section
from chiasma.report.inline import Plate, data_uri, picture, plate
from chiasma.report.load import Run, read_run
from chiasma.report.methods_text import bibliography, cited, methods_paragraph
from chiasma.report.multiqc import write_multiqc
from chiasma.report.sections import (
    audit_section,
    data_section,
    hero,
    performance_section,
    provenance_section,
    uncertainty_section,
)
from chiasma.report.side import write_side_by_side
from chiasma.report.templating import embedded_json, template
from chiasma.report.words import humanise

__all__ = ["MOST_BYTES", "render", "write_report", "write_side_by_side"]

MOST_BYTES = 8_000_000
"""A report is no larger than this."""


def write_report(run: Path | str, *, output: Path | str | None = None) -> Path:
    """Write the page of a run, with dome.json and chiasma_mqc.json beside it.

    Args:
        run: the run folder.
        output: the HTML file; by default report.html in the run folder, where figures/ is then written too.

    Returns:
        The path of the page.

    Raises:
        InputError: not a run folder, or one of its files is broken.
        RunError: the page cannot be written, or cannot be made smaller than 8 MB.
    """
    found = read_run(run)
    page = Path(output) if output is not None else found.path / "report.html"
    figures = draw_figures(found)
    text = render(found, figures)
    if output is None:
        save_figures(found, figures)
    write_json(page.parent / "dome.json", dome(found))
    write_multiqc(found, page.parent)
    write_text(page, text)
    return page


def render(run: Run, figures: dict[str, list[Any]]) -> str:
    """The HTML of a run; copies that only serve downloads are dropped first where the page grows too large."""
    size = 0
    for downloads, extras in ((True, True), (False, True), (False, False)):
        plates = {name: [plate(one, downloads=downloads) for one in group] for name, group in figures.items()}
        others = _other_drawings(run, figures) if extras else []
        text = template("report.html").render(_context(run, plates, others))
        size = len(text.encode())
        if size <= MOST_BYTES:
            return text
    raise RunError(
        "the report is too large", where=run.path, got=f"{size:,} bytes", expected=f"at most {MOST_BYTES:,} bytes"
    )


def _context(run: Run, plates: dict[str, list[Plate]], others: list[Plate]) -> dict[str, Any]:
    answers = dome(run)
    bib = bibliography(run)
    return {
        "title": f"{run.name}: {run.method}",
        "run": run,
        "card": run.card,
        "paper": cited(run.card.get("paper") or {}),
        "hero": hero(run),
        "data": data_section(run),
        "audit": audit_section(run),
        "performance": performance_section(run),
        "uncertainty": uncertainty_section(run),
        "errors": worst_errors(run),
        "gates": gate_section(run, plates.get("gates", [])),
        "explain": explain_section(run),
        "provenance": provenance_section(run),
        "methods": methods_paragraph(run),
        "bib": bib,
        "bib_link": data_uri(bib, "text/plain") if bib else "",
        "config_link": data_uri(run.config_text, "text/plain") if run.config_text else "",
        "dome": answers,
        "dome_json": embedded_json(answers),
        "dome_link": data_uri(json.dumps(plain(answers), indent=2), "application/json"),
        "plates": plates,
        "others": others,
        "version": str((run.provenance.get("versions") or {}).get("chiasma") or ""),
    }


def _other_drawings(run: Run, figures: dict[str, list[Any]]) -> list[Plate]:
    """Drawings that other parts left in figures/ and explain/, not drawn here."""
    drawn = {one.name for group in figures.values() for one in group}
    found = []
    for path in [*sorted((run.path / "explain").glob("*.svg")), *sorted((run.path / "figures").glob("*.svg"))]:
        if path.stem not in drawn and path.stat().st_size < 1_000_000:
            drawn.add(path.stem)
            found.append(picture(path, title=humanise(path.stem).capitalize()))
    return found[:24]
