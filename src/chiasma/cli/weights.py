"""chiasma weights list | get NAME | check NAME"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from chiasma.cli.output import emit, table
from chiasma.core.errors import UsageError

_FAILED = 4
_MARKS = {True: "ok", False: "FAILED", None: "not tried"}


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(weights, name="weights")


def weights(
    action: Literal["list", "get", "check"] = "list",
    name: str | None = None,
    /,
    *,
    accept_licence: Annotated[bool, Parameter(negative="")] = False,
    again: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Published checkpoints: fetched from their public homes, converted once, used by name wherever MODEL stands.

    Licence and address are printed before anything is fetched. A broken download goes on where it stopped. What the
    host publishes at the first fetch is recorded, and another file is refused from then on.

    Args:
        action: list them, get one, or check what one computes on this machine.
        name: name of a checkpoint.
        accept_licence: say that your use is within a licence that forbids commercial use.
        again: fetch it anew even if it is here.
        device: auto, cpu, cuda or mps, for check.
        json: print as JSON.
    """
    if action == "list":
        from chiasma.workflow.weights.get import list_weights

        rows = list_weights()
        shown = [{**row, "size": f"{row['megabytes']:,.0f} MB", "here": "yes" if row["here"] else "no"} for row in rows]
        emit(rows, table(shown, ["name", "here", "size", "licence", "what"]), as_json=json)
        return 0
    if name is None:
        raise UsageError(f"chiasma weights {action} needs a name", do="see 'chiasma weights list'")
    if action == "get":
        from chiasma.workflow.weights.get import get_weights

        result = get_weights(name, accept_licence=accept_licence, again=again)
        emit(result, str(result["path"]), as_json=json)
        return 0
    from chiasma.workflow.weights.check import check_weights

    found = check_weights(name, device=device)
    rows = [{**one, "ok": _MARKS[one["ok"]]} for one in found]
    emit(found, table(rows, ["check", "ok", "got", "expected"]), as_json=json)
    return _FAILED if any(one["ok"] is False for one in found) else 0
