"""chiasma notebook RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(notebook, name="notebook")


def notebook(
    run: Path, /, *, output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None, json: bool = False
) -> None:
    """A runnable notebook that reloads a run, shows its figures of merit and predicts on new files.

    Args:
        run: a complete run folder.
        output: where to write; default RUN/notebook.ipynb.
        json: print where it was written as JSON.
    """
    from chiasma.workflow.citing import notebook as write

    path = write(run, output=output)
    emit({"notebook": path}, f"notebook: {path}", as_json=json)
