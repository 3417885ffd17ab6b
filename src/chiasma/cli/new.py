"""chiasma new WING/METHOD"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(new, name="new")


def new(method: str, /, *, contract: str = "task", root: Path = Path("."), json: bool = False) -> None:
    """The folder and the test of a new method, from a template that already passes the contract tests.

    Args:
        method: WING/METHOD, lower case with hyphens.
        contract: task (a network) or estimator (a matrix method).
        root: the checkout.
        json: print the files as JSON.
    """
    from chiasma.workflow.scaffolding import new_method

    files = new_method(method, contract=contract, root=root)
    text = "\n".join([*map(str, files), "", f"now: scripts/test tests/contracts -k {method.split('/')[-1]}"])
    emit({"files": files}, text, as_json=json)
