"""`audit`: of data, of a run, or of somebody else's split and predictions. Without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.audit.audit import collect
from chiasma.audit.inheritance import inherited
from chiasma.core.config import read_toml
from chiasma.core.errors import InputError, UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.results import Audit, Finding, Predictions
from chiasma.data.sequences import Sequences
from chiasma.data.split import Split
from chiasma.workflow.auditing.files import audit_files, audit_positives, skipped


def audit(
    data: Path | str | Mapping[str, Path | str] | None = None,
    *,
    train: Path | str | None = None,
    test: Path | str | None = None,
    labels: str | Sequence[str] | None = None,
    predictions: Path | str | None = None,
    fasta: Path | str | None = None,
    full_features: Path | str | None = None,
    seed: int = 1,
) -> Audit:
    """Look for leakage, confounders, duplicates, imbalance and too little data.

    Args:
        data: a run folder, a file by itself, or a file for each class ({"positive": FILE, "negative": FILE}); negatives
            may be "shuffled" or "genome", made as `fit` makes them.
        train: somebody's training part: BED, FASTA, TSV, Parquet, h5ad or h5mu.
        test: their test part.
        labels: F[:COLUMN] with the label of each id, or several of them.
        predictions: their predictions on the test part (id, y, p).
        fasta: the genome, for BED.
        full_features: the matrix before features were selected.
        seed: root of the resampling.

    Raises:
        UsageError: neither data nor train, or both; files that a run does not need.
        InputError: the run is not complete, or a file cannot be read.
    """
    if (data is None) == (train is None):
        raise UsageError("give a file or a run, or --train with --test", do="see 'chiasma audit --help'")
    if data is not None and not isinstance(data, Mapping) and _is_run(Path(data)):
        return _audit_run(
            Path(data), {"test": test, "labels": labels, "predictions": predictions, "fasta": fasta}, seed
        )
    if isinstance(data, Mapping) and data.get("negative") in ("shuffled", "genome"):
        needless = {"test": test, "labels": labels, "predictions": predictions, "full-features": full_features}
        if given := [name for name, value in needless.items() if value is not None]:
            raise UsageError("made negatives stand alone", got=", ".join(f"--{name}" for name in given))
        return audit_positives(data["positive"], str(data["negative"]), fasta=fasta, seed=seed)
    first = data if data is not None else train
    assert first is not None
    return audit_files(
        first,
        test,
        labels=labels,
        predictions=predictions,
        fasta=fasta,
        full_features=full_features,
        seed=seed,
    )


def _is_run(path: Path) -> bool:
    """Whether this is a folder, complete or still in the making; files are not."""
    return path.is_dir() or path.with_name(f"{path.name}.partial").is_dir()


def _audit_run(folder: Path, needless: Mapping[str, object], seed: int) -> Audit:
    """Audit a run again from its own inputs, split and predictions."""
    import pyarrow.parquet as parquet

    from chiasma.audit.audit import audit as audit_dataset
    from chiasma.run.folder import require_run
    from chiasma.split.table import read_split
    from chiasma.workflow.fitting.fit import plan
    from chiasma.workflow.loading.prepare import of_examples, prepare

    run = require_run(folder)
    if given := [name for name, value in needless.items() if value is not None]:
        raise UsageError("a run brings its own files", where=run, got=", ".join(f"--{name}" for name in given))
    record = read_toml(run / "config.toml")
    job = plan(record["method"], record.get("inputs"), config=record["config"], options=record["options"])
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    table = parquet.read_table(run / "predictions.parquet")
    names = [name for name in table.column_names if name.startswith(("p_", "yhat_"))]
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in names}
    ids, part = (np.array(table.column(name).to_pylist(), dtype=object) for name in ("id", "part"))
    split = read_split(run / "split.parquet")
    claims = Predictions(ids, columns, part) if columns else None  # tracks along windows stand in arrays
    found = audit_dataset(of_examples(prepared.dataset), split, seed=seed, predictions=claims)
    start = record.get("start")
    before = [] if start is None else from_ancestors(Path(start), prepared.dataset, split)
    return collect([*found.findings, *before, *map(skipped, prepared.dataset.skips)])


def from_ancestors(start: Path, dataset: Dataset, split: Split) -> list[Finding]:
    """What a fine-tuned model inherits from the run it begins with, from the one that began with, and so on.

    Args:
        start: a run folder; a folder of weights without its split tells nothing.
        dataset: the examples of the fine-tuned model.
        split: their division.
    """
    from chiasma.split.table import read_split

    found, seen = [], set()
    folder: Path | None = start
    while folder is not None and (folder / "split.parquet").is_file() and folder.resolve() not in seen:
        seen.add(folder.resolve())
        record = read_toml(folder / "config.toml") if (folder / "config.toml").is_file() else {}
        parent = _sequences_of(record) if isinstance(dataset.x, Sequences) else None
        found.append(inherited(dataset, split, read_split(folder / "split.parquet"), parent=parent))
        before = record.get("start")
        folder = None if before is None else Path(before)
    if not found:
        message = f"What the weights in {start} were learned from is not known: they come without a split."
        found.append(Finding("dependent-examples", "inherited-from-parent", "note", message))
    return found


def _sequences_of(record: Mapping[str, Any]) -> Dataset | None:
    """The sequences of a run, read again from its inputs; None where they are gone or of another kind."""
    from chiasma.workflow.fitting.fit import plan
    from chiasma.workflow.loading.sequences import load_sequences

    try:
        job = plan(record["method"], record["inputs"], config=record["config"], options=record["options"])
        if job.method.card.data != "sequences":
            return None
        return load_sequences(job.inputs, seed=job.options.seed, length=job.options.length)
    except (KeyError, InputError, UsageError):
        return None
