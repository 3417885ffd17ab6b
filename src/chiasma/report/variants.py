"""The page of scored variants: the strongest, sortable, with what the model reads in both alleles; what was skipped."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.report.inline import plate
from chiasma.report.templating import template

_SORT = """
document.querySelectorAll("table.sortable th button").forEach(function (button) {
  button.addEventListener("click", function () {
    var head = button.parentNode, table = head.closest("table"), at = head.cellIndex;
    var down = head.getAttribute("aria-sort") !== "descending";
    var rows = Array.from(table.tBodies[0].rows);
    rows.sort(function (a, b) {
      var x = a.cells[at].dataset.value, y = b.cells[at].dataset.value;
      if (x === "" || y === "") return (x === "") - (y === "");
      var order = isNaN(x) || isNaN(y) ? x.localeCompare(y, "en", { numeric: true }) : x - y;
      return down ? -order : order;
    });
    table.querySelectorAll("th").forEach(function (one) { one.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(function (row) { table.tBodies[0].appendChild(row); });
  });
});
"""
_COLUMNS = (
    ("variant", "pos"),
    ("id", "id"),
    ("output", "output"),
    ("|effect|", "size"),
    ("effect", "effect"),
    ("SD", "sd"),
    ("P(sign)", "p_sign"),
    ("REF value", "ref_value"),
    ("ALT value", "alt_value"),
    ("conservation", "conservation"),
    ("status", "status"),
)


def write_variant_page(
    path: Path | str, facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, version: str = ""
) -> None:
    """Write the page; it needs no network, and its one script is allowed by its hash.

    Args:
        path: the HTML file.
        facts: of the whole work, as in OUT.json.
        rows: the strongest alleles, as `workflow.variant_pictures.strongest` gives them.
        version: of the program.
    """
    digest = base64.b64encode(hashlib.sha256(_SORT.encode()).digest()).decode()
    shown = [column for column in _COLUMNS if column[1] != "conservation" or _has(rows, "conservation")]
    text = template("variants.html").render(
        title=f"{facts['scored']:,} variants scored",
        facts=facts,
        columns=[name for name, _ in shown],
        rows=[[_cell(row, key) for _, key in shown] for row in rows],
        drawn=[
            {"name": row["name"], "about": _about(row), "plates": [plate(one, downloads=False) for one in row["logos"]]}
            for row in rows
            if row["logos"]
        ],
        script=_SORT,
        digest=digest,
        version=version,
        settings=_settings(facts),
    )
    write_text(path, text)


def _has(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(row[key] is not None for row in rows)


def _cell(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a cell shows, and by what it is sorted."""
    if key == "pos":
        return {"text": row["name"], "value": row["name"], "number": False}
    value = abs(row["effect"]) if key == "size" else row[key]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return {"text": "–", "value": "", "number": True}
    if isinstance(value, float):
        return {"text": f"{value:.3f}" if key == "p_sign" else f"{value:.4g}", "value": repr(value), "number": True}
    return {"text": str(value), "value": str(value), "number": False}


def _about(row: Mapping[str, Any]) -> str:
    return f"{row['output']}: {row['effect']:+.4g}" + (f", {row['id']}" if row["id"] not in ("", ".") else "")


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    models = "; ".join(
        f"{one['name']} ({one['length']:,} bases" + (f", bins of {one['bin']}" if one["bin"] else "") +
        f", {one['strands']} strand{'s' if one['strands'] > 1 else ''}, windows at multiples of {one['stride']:,})"
        for one in facts["models"]
    )  # fmt: skip
    return [
        ("models", models),
        ("effect", facts["statistic"]),
        ("spread and P(sign) over", facts["spread_over"]),
        ("alleles of different length", f"anchored: {facts['anchor']}"),
        ("shifts averaged", ", ".join(map(str, facts["shifts"]))),
        ("lines, alleles, scored", f"{facts['records']:,}, {facts['alleles']:,}, {facts['scored']:,}"),
        ("windows of the genome computed", f"{facts['reference_windows']:,}"),
    ]
