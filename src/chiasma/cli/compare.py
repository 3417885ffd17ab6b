"""chiasma compare METHOD... DATA"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from chiasma.cli.flags import Flag, build, flag, input_flags, read_inputs
from chiasma.cli.option_flags import option_flags, read_options
from chiasma.cli.output import emit, estimate, table
from chiasma.core.cards import find_card, list_cards
from chiasma.core.errors import UsageError


def register(app: App, arguments: list[str]) -> None:
    """Add the verb, with the inputs of the first method named."""
    known = {card.name for card in list_cards()}
    first = next((word for word in (text.partition(":")[0] for text in arguments) if word in known), None)
    inputs = input_flags(find_card(first)) if first else []
    names = Annotated[str, Parameter(help="methods, then optionally the first input file; or complete run folders")]
    parameters = [
        Flag("methods", Flag.VAR_POSITIONAL, annotation=names),
        *inputs,
        flag("output", Path, help="folder of the comparison", default=Path("runs/compare"), names=("--output", "-o")),
        flag("preset", str, help="preset of every method [default: default]", default="default"),
        flag("overwrite", bool, help="replace runs of another configuration", default=False, negative=""),
        flag("json", bool, help="print the result as JSON", default=False, negative=""),
        *option_flags(),
    ]
    help_text = "Methods and the simple rivals on one split, the same seeds; paired differences, cost, a verdict."
    app.command(build(_compare, parameters), name="compare", help=help_text)


def _compare(values: Mapping[str, Any]) -> None:
    from chiasma.workflow.comparing import compare

    words = list(values.get("methods", ()))
    known = {card.name for card in list_cards()}
    runs = [word for word in words if (Path(word) / "run.json").exists()]
    names = [word for word in words if word.partition(":")[0] in known and word not in runs]
    rest = [word for word in words if word not in names and word not in runs]
    if not words or (runs and names) or len(rest) > 1:
        raise UsageError("give methods and at most one file, or complete run folders", got=" ".join(words) or "nothing")
    inputs: dict[str, Any] = {}
    if names:
        inputs = read_inputs(find_card(names[0].partition(":")[0]), values, rest[0] if rest else None)
    found = compare(
        runs or names,
        inputs,
        output=values.get("output", Path("runs/compare")),
        presets=values.get("preset", "default"),
        options=read_options(values),
        overwrite=values.get("overwrite", False),
    )
    rows = [{**row, "figure": estimate(row[found.primary])} for row in found.table]
    for row in rows:
        row["simple"] = "rival" if row["rival"] else ""
    shown = table(rows, ["name", "simple", "figure", "cpu_seconds", "parameters"])
    text = f"{found.verdict}\n\n{shown}\n\nreport: {found.report}"
    emit(
        {"verdict": found.verdict, "table": found.table, "pairs": found.pairs}, text, as_json=values.get("json", False)
    )
