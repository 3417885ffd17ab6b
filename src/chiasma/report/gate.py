"""The page of the gate: whether the simulations that a model learnt from look like the data it was put to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.plot.misspecification import shifted, told_apart
from chiasma.report.inline import plate
from chiasma.report.templating import template
from chiasma.report.words import figure


def write_gate_page(path: Path, record: Mapping[str, Any], *, limits: tuple[float, float], version: str = "") -> None:
    """Write the page; it needs no network.

    Args:
        path: the HTML file.
        record: as in OUTPUT.gate.json; without figures where there were too few windows.
        limits: areas up to which simulations fit, and from which they do not.
        version: of the program.
    """
    plates, rows = [], []
    if "area" in record:
        larger = float(record["factor"]) - 1
        areas = {
            "simulations of like parameters": record["area"],
            "simulations as drawn": record["area_as_drawn"],
            f"populations {larger:.0%} larger": record["area_resized"],
        }
        plates = [plate(told_apart(areas, limits=limits)), plate(shifted(record["shifts"], larger=larger))]
        keys = ("windows", "simulations", "shift", "shift_as_drawn", "shift_resized")
        rows = [(row["statistic"], [figure(row[key]) for key in keys]) for row in record["shifts"]]
    text = template("gate.html").render(
        title=f"Gate: {record['verdict']}",
        record=record,
        plates=plates,
        rows=rows,
        facts=_facts(record),
        version=version,
    )
    write_text(path, text)


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
