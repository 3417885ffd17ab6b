"""`report`, `notebook` and `cite`: the page of a run, a notebook about it, and how to cite and describe it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chiasma.core.errors import UsageError
from chiasma.run.folder import require_run


def report(runs: Sequence[Path | str], *, output: Path | str | None = None) -> Path:
    """Write the page of one run, or of several side by side.

    Args:
        runs: complete run folders.
        output: where to write; by default report.html in the run, or comparison.html for several.
    """
    from chiasma.report.page import write_report, write_side_by_side

    found = [require_run(run) for run in runs]
    for run in found:
        if (run / "personal.json").exists():
            raise UsageError(
                "a run of the verb personal, which has its page already",
                where=run,
                expected="a run of fit or compare",
                do=f"open {run / 'report.html'}",
            )
    if len(found) == 1:
        return write_report(found[0], output=None if output is None else Path(output))
    return write_side_by_side(found, Path(output or "comparison.html"))


def notebook(run: Path | str, *, output: Path | str | None = None) -> Path:
    """Write a runnable notebook about a complete run, by default notebook.ipynb in its folder."""
    from chiasma.report.notebook import write_notebook

    folder = require_run(run)
    return write_notebook(folder, output or folder / "notebook.ipynb")


def cite(run: Path | str) -> tuple[str, str]:
    """The BibTeX entries and a Methods paragraph of a run."""
    from chiasma.report.methods_text import methods_paragraph

    folder = require_run(run)
    return (folder / "citations.bib").read_text(), methods_paragraph(folder)
