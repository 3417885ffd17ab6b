"""chiasma cite RUN"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(cite, name="cite")


def cite(run: Path, /, *, json: bool = False) -> None:
    """The BibTeX and a Methods paragraph of a run.

    Args:
        run: a complete run folder.
        json: print both as JSON.
    """
    from chiasma.workflow.citing import cite as run_cite

    bibtex, methods = run_cite(run)
    emit({"bibtex": bibtex, "methods": methods}, f"{methods}\n\n{bibtex.rstrip()}", as_json=json)
