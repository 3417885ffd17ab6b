"""The last stage of a fit: provenance completed, citations, figures and the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chiasma.core.cards import bibtex
from chiasma.core.files import read_json, write_json, write_text
from chiasma.run.folder import RunFolder
from chiasma.workflow.loading.prepare import Prepared

if TYPE_CHECKING:
    from chiasma.workflow.fitting.fit import Job


def document(job: Job, prepared: Prepared, run: RunFolder) -> None:
    """Complete provenance.json, write citations.bib and report.html."""
    dataset, split = prepared.dataset, prepared.split
    record = read_json(run.work / "provenance.json")
    record |= {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": job.method.name,
        "card": job.method.card.model_dump(mode="json"),
        "target": {"kind": dataset.target.kind, "names": list(dataset.target.names), "unit": dataset.target.unit},
        "dataset": {
            "n": len(dataset),
            "units": len(set(dataset.unit.tolist())),
            "unit_name": dataset.unit_name,
            "notes": dataset.notes,
            "skips": [
                {"reason": skip.reason, "count": skip.count, "examples": skip.examples} for skip in dataset.skips
            ],
        },
        "split": {
            "kind": split.kind,
            "parameters": split.parameters,
            "proof": split.proof,
            "sizes": split.sizes(),
            "warnings": split.warnings,
        },
        "cost": read_json(run.work / "cost.json"),
        "stages": run.stages,
    }
    if prepared.real is not None:
        record["adaptation"] = prepared.real.split.proof
    write_json(run.work / "provenance.json", record)
    write_text(run.work / "citations.bib", bibtex(job.method.card))
    from chiasma.report.page import write_report

    with run.stage("report"):
        write_report(run.work)
