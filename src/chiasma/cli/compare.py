"""chiasma compare METHOD... DATA"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from chiasma.cli.flags import Flag, build, flag, input_flags, read_inputs
from chiasma.cli.option_flags import option_flags, read_options
from chiasma.cli.output import emit, estimate, table
from chiasma.core.cards import Card, find_card, list_cards
from chiasma.core.errors import UsageError


def register(app: App, arguments: list[str]) -> None:
    """Add the verb, with the inputs of the first method named."""
    known = {card.name for card in list_cards()}
    card = _reading([word for word in arguments if _method(word) in known])
    inputs = input_flags(card) if card else []
    names = Annotated[
        str,
        Parameter(
            help="methods (METHOD:PRESET, METHOD@VIEW for one view of several), then optionally the first input file; "
            "or complete run folders"
        ),
    ]
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
    from chiasma.workflow.comparing.compare import compare

    words = list(values.get("methods", ()))
    known = {card.name for card in list_cards()}
    runs = [word for word in words if (Path(word) / "run.json").exists()]
    names = [word for word in words if _method(word) in known and word not in runs]
    rest = [word for word in words if word not in names and word not in runs]
    if not words or (runs and names) or len(rest) > 1:
        raise UsageError("give methods and at most one file, or complete run folders", got=" ".join(words) or "nothing")
    inputs: dict[str, Any] = {}
    if names:
        card = _reading(names)
        inputs = read_inputs(card, values, rest[0] if rest else None) if card else {}
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
    text = f"{found.verdict}\n\n{shown}\n\n{_folds(found.folds)}{_stability(found.stability)}report: {found.report}"
    record = {"verdict": found.verdict, "table": found.table, "pairs": found.pairs, "cross_validation": found.folds}
    record["stability"] = found.stability
    emit(record, text, as_json=values.get("json", False))


def _stability(rows: list[dict[str, Any]]) -> str:
    """How alike the layouts of a method are over seeds and over subsamples, as a table."""
    if not rows:
        return ""
    shown = [{key: f"{one:.3f}" if isinstance(one, float) else one for key, one in row.items()} for row in rows]
    columns = ["method", "over", "trustworthiness", "trustworthiness_sd", "distance_correlation", "spread", "overlap"]
    parts = []
    for space in dict.fromkeys(row["measured in"] for row in shown):
        here = [row for row in shown if row["measured in"] == space]
        parts.append(
            f"fitted again, to all samples and to four fifths; measured in {space}\n\n{table(here, columns)}\n\n"
        )
    return "".join(parts)


def _method(word: str) -> str:
    """The method of METHOD:PRESET@VIEW."""
    return word.partition("@")[0].partition(":")[0]


def _reading(names: list[str]) -> Card | None:
    """The card whose inputs are read: of a method of several views where there is one or a view is chosen, else the
    first; with the studies of samples where any of them takes notice of those.
    """
    cards = [find_card(_method(name)) for name in names]
    found = next((card for card in cards if card.data == "views"), cards[0] if cards else None)
    if found is None:
        return None
    ports = {port.name for port in found.inputs}
    study = next((port for card in cards for port in card.inputs if port.name == "study"), None)
    if study is not None and "study" not in ports:
        found = found.replace(inputs=(*found.inputs, study))
    if not any("@" in name for name in names):
        return found
    from chiasma.workflow.loading.prepare import reading_views

    return reading_views(found)


def _folds(found: Mapping[str, Any] | None) -> str:
    """Repeated cross-validation as a table: balanced accuracy, difference from the best, p against permuted labels."""
    if not found:
        return ""
    best = max(found["table"], key=lambda row: row["value"])["name"]
    gaps = {}
    for pair in found["pairs"]:
        if best in (pair["a"], pair["b"]):
            sign, other = (1, pair["b"]) if pair["a"] == best else (-1, pair["a"])
            ends = sorted((-sign * pair["low"], -sign * pair["high"]))
            gaps[other] = estimate({"value": -sign * pair["value"], "low": ends[0], "high": ends[1]})
    rows = []
    for row in sorted(found["table"], key=lambda row: -row["value"]):
        asked = "not asked" if not row["permutations"] else f"{row['permutation_p']:.3g}"
        kept = row["features_selected"]
        steady = "" if kept is None else f"{row['features_in_most_fits']} of {kept:.0f}"
        shown = {"name": row["name"], "simple": "rival" if row["rival"] else "", "balanced accuracy": estimate(row)}
        shown |= {"from the best": gaps.get(row["name"], ""), "permuted p": asked, "steady features": steady}
        rows.append(shown)
    head = f"{found['repeats']} x {found['folds']}-fold cross-validation, {found['samples']} samples: {found['method']}"
    columns = ["name", "simple", "balanced accuracy", "from the best", "permuted p", "steady features"]
    return f"{head}\n\n{table(rows, columns)}\n\n"
