"""chiasma data list | get NAME | path NAME"""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from chiasma.cli.output import emit, table
from chiasma.core.errors import UsageError


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(data, name="data")


def data(action: Literal["list", "get", "path"] = "list", name: str | None = None, /, *, json: bool = False) -> None:
    """Named datasets with checksums and licences.

    A dataset is looked for in $CHIASMA_DATA, then in the user's cache, then downloaded where it has a public address.

    Args:
        action: list them, get one (and print where it is), or print its path.
        name: name of a dataset.
        json: print as JSON.
    """
    from chiasma.io.catalogue import list_datasets, resolve

    if action == "list":
        rows = [
            {"name": item.name, "licence": item.licence, "here": item.available(), "what": item.what}
            for item in list_datasets()
        ]
        emit(rows, table(rows, ["name", "here", "licence", "what"]), as_json=json)
        return
    if name is None:
        raise UsageError(f"chiasma data {action} needs the name of a dataset", do="see 'chiasma data list'")
    path = resolve(name, download=action == "get")
    emit({"name": name, "path": path}, str(path), as_json=json)
