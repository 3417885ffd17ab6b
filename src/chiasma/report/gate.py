"""What the gate found, on a page of its own or in a run's report: whether simulations look like the data at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.data.results import Figure
from chiasma.plot.misspecification import shifted, told_apart
from chiasma.report.inline import Plate, plate
from chiasma.report.load import Run
from chiasma.report.templating import template
from chiasma.report.words import data_compared, figure
from chiasma.stats.misspecification import ALIKE, APART


def write_gate_page(path: Path, record: Mapping[str, Any], *, version: str = "") -> None:
    """Write the page of one comparison; it needs no network.

    Args:
        path: the HTML file.
        record: as in OUTPUT.gate.json; without figures where there were too few windows.
        version: of the program.
    """
    text = template("gate.html").render(
        title=f"Gate: {record['verdict']}",
        gate=_shown(record, [plate(one) for one in _drawn(record)]),
        version=version,
    )
    write_text(path, text)


def gate_figures(run: Run) -> list[Figure]:
    """Figures of all comparisons that a run keeps, their names ending in the number of the comparison."""
    return [
        replace(one, name=f"{one.name}_{number}", title=f"{one.title}, {data_compared(record)}")
        for number, record in enumerate(run.gates, start=1)
        for one in _drawn(record)
    ]


def gate_section(run: Run, plates: Sequence[Plate]) -> list[dict[str, Any]]:
    """What the report says of each comparison that a run keeps; `plates` are of its `gate_figures`."""
    return [
        _shown(record, [one for one in plates if one.name.endswith(f"_{number}")])
        for number, record in enumerate(run.gates, start=1)
    ]


def _drawn(record: Mapping[str, Any]) -> list[Figure]:
    if "area" not in record:
        return []
    larger = float(record["factor"]) - 1
    areas = {
        "simulations alike": record["area"],
        "simulations as drawn": record["area_as_drawn"],
        f"populations {larger:.0%} larger": record["area_resized"],
    }
    return [told_apart(areas, limits=(ALIKE, APART)), shifted(record["shifts"], larger=larger)]


def _shown(record: Mapping[str, Any], plates: list[Plate]) -> dict[str, Any]:
    """One comparison for `_gate.html`."""
    keys = ("windows", "simulations", "shift", "shift_as_drawn", "shift_resized")
    return {
        "name": data_compared(record),
        "verdict": record["verdict"],
        "text": record["text"],
        "plates": plates,
        "rows": [(row["statistic"], [figure(row[key]) for key in keys]) for row in record.get("shifts", ())],
        "facts": _facts(record),
    }


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("model", str(record.get("model") or "")), ("method", str(record.get("method") or ""))]
    if "area" in record:
        facts += [
            ("windows", f"{record['windows']:,}"),
            ("simulations", f"{record['simulations']:,}"),
            ("simulations of like parameters, in effect", f"{record['simulations_alike']:.0f}"),
            ("windows beyond 99 in 100 simulations", f"{record['outside']:.0%}"),
            ("calls", f"{record['calls']['state']}"),
            ("simulations that count when weighted", f"{record['calls']['simulations_that_count']:.0f}"),
        ]
    return facts
