"""chiasma show METHOD"""

from __future__ import annotations

from typing import Any

from cyclopts import App

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(show, name="show")


def show(method: str, /, *, json: bool = False) -> Any:
    """A method's card, configuration, citation and licences; parameters are counted on the built network.

    Args:
        method: a name from 'chiasma list'.
        json: print the card as an object.
    """
    from chiasma.workflow.listing import show_method

    record = show_method(method)
    emit(record, _text(record), as_json=json)


def _text(record: dict[str, Any]) -> str:
    paper = record["paper"]
    counts = record["parameters"]
    lines = [
        f"{record['name']} ({record['wing']}): {record['title']}",
        record["question"],
        "",
        f"paper       {paper['title']} ({paper['year']}) {paper['doi']}",
        f"licences    original code {record['licences']['code']}; weights {record['licences']['weights']}",
        f"parity      {record['parity']['kind']} {record['parity']['note']}",
        f"rival       {record['rival']}",
        f"invariant   {', '.join(record['invariances']) or 'to nothing claimed'}",
        f"cost        {record['cost']}",
    ]
    if counts:
        lines.append("parameters  " + ", ".join(f"{preset} {count:,}" for preset, count in counts.items()))
    for kind in ("inputs", "outputs"):
        lines += ["", f"{kind}:"]
        lines += [
            f"  {port['name']:<14}{port['help']} [{port['axes']}] {port['unit']}".rstrip() for port in record[kind]
        ]
    lines += ["", "configuration:"]
    lines += [f"  {key:<22}{item['meaning']} [default: {item['default']}]" for key, item in record["config"].items()]
    return "\n".join([*lines, "", record["citation"].rstrip()])
