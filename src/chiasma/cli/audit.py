"""chiasma audit DATA or RUN; chiasma audit --train A --test B"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from chiasma.cli.output import emit


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(audit, name="audit")


def audit(
    data: Path | None = None,
    /,
    *,
    train: Path | None = None,
    test: Path | None = None,
    labels: str | None = None,
    predictions: Path | None = None,
    fasta: Path | None = None,
    seed: int = 1,
    json: bool = False,
) -> None:
    """Leakage, confounders, duplicates, imbalance, and whether n is enough; also of somebody else's split.

    Parameters
    ----------
    data: a run folder, or a file by itself (BED, FASTA, TSV, h5mu).
    train: somebody's training part.
    test: their test part.
    labels: F[:COLUMN] with the label of each id.
    predictions: their predictions on the test part.
    fasta: the genome, for BED.
    seed: root of the resampling.
    json: print the findings as JSON.
    """
    from chiasma.workflow.auditing import audit as run_audit

    found = run_audit(data, train=train, test=test, labels=labels, predictions=predictions, fasta=fasta, seed=seed)
    order = ("critical", "warning", "note", "ok")
    findings = sorted(found.findings, key=lambda finding: order.index(finding.severity))
    lines = [f"{finding.severity:<9}{finding.pitfall}: {finding.message}" for finding in findings]
    emit(found.to_dict(), "\n".join([found.verdict, "", *lines]), as_json=json)
