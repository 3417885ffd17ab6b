"""chiasma audit DATA or RUN; chiasma audit --train A --test B; chiasma audit --positives A --negatives B"""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from chiasma.cli.output import emit
from chiasma.core.errors import UsageError

if TYPE_CHECKING:
    from chiasma.data.results import Audit

_HEADINGS = {"critical": "Critical", "warning": "Warnings", "note": "Notes", "ok": "In order"}
_WIDEST = 110


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
    positives: Path | None = None,
    negatives: str | None = None,
    labels: Annotated[list[str] | None, Parameter(negative="")] = None,
    predictions: Path | None = None,
    fasta: Path | None = None,
    full_features: Path | None = None,
    seed: int = 1,
    json: bool = False,
) -> None:
    """Leakage, confounders, duplicates, imbalance, and whether n is enough; also of somebody else's split.

    Args:
        data: a run folder, or a file by itself (BED, FASTA, TSV, Parquet, h5ad, h5mu).
        train: somebody's training part.
        test: their test part.
        positives: the examples of one class, instead of DATA.
        negatives: those of the other: a file, or as for fit shuffled (the default) or genome.
        labels: F[:COLUMN] with the label of each id, repeatable.
        predictions: their predictions on the test part (id, y, p).
        fasta: the genome, for BED.
        full_features: the matrix before features were selected.
        seed: root of the resampling.
        json: print the findings as JSON.
    """
    from chiasma.workflow.auditing.audit import audit as run_audit

    if (positives is None and negatives is not None) or (positives is not None and data is not None):
        raise UsageError("--positives stands instead of DATA, and --negatives beside it")
    found = run_audit(
        data if positives is None else {"positive": positives, "negative": negatives or "shuffled"},
        train=train,
        test=test,
        labels=labels,
        predictions=predictions,
        fasta=fasta,
        full_features=full_features,
        seed=seed,
    )
    emit(
        found.to_dict(),
        as_text(found, width=min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)),
        as_json=json,
    )


def as_text(found: Audit, *, width: int) -> str:
    """The verdict, then the findings by severity, those in order last, wrapped for reading."""
    lines = textwrap.wrap(found.verdict, width)
    for severity, heading in _HEADINGS.items():
        chosen = [finding for finding in found.findings if finding.severity == severity]
        if chosen:
            lines += ["", f"{heading} ({len(chosen)})"]
        for finding in chosen:
            message = f"{finding.message[:1].upper()}{finding.message[1:]}"
            text = f"[{finding.pitfall.replace('-', ' ')}] {message}"
            lines += textwrap.wrap(text, width, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines)
