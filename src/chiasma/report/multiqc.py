"""Figures of merit as MultiQC custom content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chiasma.core.files import write_json
from chiasma.report.load import Run
from chiasma.report.words import MEANING, best_rival, is_number, metric_name


def multiqc_content(run: Run) -> dict[str, Any]:
    """A MultiQC table with one row for the run: test metrics and the best rival's figure."""
    test = run.metrics.get("test") or {}
    values = {name: row["value"] for name, row in test.items() if row and is_number(row.get("value"))}
    headers = {
        name: {"title": metric_name(name), "description": MEANING.get(name, ""), "format": "{:,.3f}"} for name in values
    }
    rival = best_rival(run)
    theirs = ((run.metrics.get("baselines") or {}).get(rival) or {}).get(run.primary) or {}
    if rival and is_number(theirs.get("value")):
        values["best_rival"] = theirs["value"]
        headers["best_rival"] = {
            "title": f"{metric_name(run.primary)}, best rival",
            "description": "The simple method to beat, on the same test examples",
            "format": "{:,.3f}",
        }
    return {
        "id": "chiasma",
        "section_name": "chiasma",
        "section_href": "https://chiasma.readthedocs.io",
        "description": "Machine learning on genomic files, evaluated beside simple rivals on held-out data.",
        "plot_type": "table",
        "pconfig": {"id": "chiasma_table", "title": "chiasma: figures of merit", "namespace": "chiasma"},
        "headers": headers,
        "data": {f"{run.name} ({run.method})": values},
    }


def write_multiqc(run: Run, folder: Path) -> Path:
    """Write chiasma_mqc.json into `folder`, where MultiQC finds it by its name."""
    path = folder / "chiasma_mqc.json"
    write_json(path, multiqc_content(run))
    return path
