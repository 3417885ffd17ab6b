"""chiasma list"""

from __future__ import annotations

from typing import Any

from cyclopts import App

from chiasma.cli.output import emit, table


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(list_command, name="list")


def list_command(*, json: bool = False) -> Any:
    """What there is: every method with its wing and the question it answers.

    Args:
        json: print an array of objects.
    """
    from chiasma.workflow.listing import list_methods

    rows = list_methods()
    emit(rows, table(rows, ["name", "wing", "parity", "question"]), as_json=json)
