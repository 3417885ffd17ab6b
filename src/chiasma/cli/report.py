"""chiasma report RUN..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit
from chiasma.core.errors import UsageError


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(report, name="report")


def report(
    *runs: Path, output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None, json: bool = False
) -> None:
    """The page of a run, or of several side by side.

    Args:
        runs: complete run folders.
        output: where to write; default report.html in the run, comparison.html for several.
        json: print where it was written as JSON.
    """
    from chiasma.workflow.citing import report as write

    if not runs:
        raise UsageError("give at least one run folder")
    path = write(runs, output=output)
    emit({"report": path}, f"report: {path}", as_json=json)
