"""Methods that align two sets of cells without types, side by side: how the sets mix, and what each keeps of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chiasma.core.files import read_json, write_json
from chiasma.workflow.fitting.integrating import UNALIGNED

if TYPE_CHECKING:
    from chiasma.workflow.comparing.compare import Comparison


def compare_alignments(runs: Sequence[Path], *, output: Path) -> Comparison:
    """A table of the figures of complete runs beside the cells as they were; no winner is named.

    Mixing can be had at the price of all structure, so that no single figure decides without types.
    """
    from chiasma.report.page import write_side_by_side
    from chiasma.workflow.comparing.compare import Comparison, require_same

    for run in runs[1:]:
        require_same(runs[0], run)
    methods = [read_json(run / "compare.json")["method"] for run in runs]
    table: list[dict[str, Any]] = []
    before: dict[str, dict[str, Any]] = {}
    for run, method in zip(runs, methods, strict=True):
        metrics, record = read_json(run / "metrics.json"), read_json(run / "compare.json")
        name = method if methods.count(method) == 1 else run.name
        table.append({"name": name, "rival": False, **metrics["test"], **record["cost"][method]})
        row = metrics["baselines"][UNALIGNED]
        if row not in before.values():  # methods of other genes or components begin elsewhere
            before[f"{UNALIGNED} ({name})" if before else UNALIGNED] = row
    figures = "; ".join(
        f"{row['name']} mixing {row['ilisi']['value']:.3f}, neighbours kept {row['neighbours_kept']['value']:.3f}"
        for row in table
    )
    verdict = (
        f"Without types no method is ranked: mixing and keeping neighbours pull against each other ({figures}). With "
        "--labels and --query-labels the types handed over are measured."
    )
    table += [{"name": name, "rival": True, **row} for name, row in before.items()]
    write_json(output / "compare.json", {"verdict": verdict, "primary": "ilisi", "table": table, "pairs": []})
    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, verdict, "ilisi", table, [], page)
