"""`audit`: of data, of a run, or of somebody else's split and predictions. Without torch."""

from __future__ import annotations

from pathlib import Path

from chiasma.core.config import read_toml
from chiasma.core.errors import UsageError
from chiasma.data.results import Audit, Predictions
from chiasma.workflow.audit_files import audit_files


def audit(
    data: Path | str | None = None,
    *,
    train: Path | str | None = None,
    test: Path | str | None = None,
    labels: str | None = None,
    predictions: Path | str | None = None,
    fasta: Path | str | None = None,
    seed: int = 1,
) -> Audit:
    """Look for leakage, confounders, duplicates, imbalance and too little data.

    Args:
        data: a run folder, or a file by itself.
        train: somebody's training part: BED, FASTA, TSV or h5mu.
        test: their test part.
        labels: F[:COLUMN] with the label of each id.
        predictions: their predictions on the test part (id, y, p).
        fasta: the genome, for BED.
        seed: root of the resampling.

    Raises:
        UsageError: neither data nor train, or both.
    """
    if (data is None) == (train is None):
        raise UsageError("give a file or a run, or --train with --test", do="see 'chiasma audit --help'")
    if data is not None and (Path(data) / "run.json").exists():
        return _audit_run(Path(data), seed=seed)
    first = data if data is not None else train
    assert first is not None
    return audit_files(
        Path(first),
        None if test is None else Path(test),
        labels=labels,
        predictions=None if predictions is None else Path(predictions),
        fasta=None if fasta is None else Path(fasta),
        seed=seed,
    )


def _audit_run(run: Path, *, seed: int) -> Audit:
    """Audit a run again from its own inputs, split and predictions."""
    import pyarrow.parquet as parquet

    from chiasma.audit.audit import audit as audit_dataset
    from chiasma.split.table import read_split
    from chiasma.workflow.fitting import plan
    from chiasma.workflow.prepare import prepare

    record = read_toml(run / "config.toml")
    job = plan(record["method"], record.get("inputs"), config=record["config"], options=record["options"])
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    table = parquet.read_table(run / "predictions.parquet").to_pandas()
    columns = {name: table[name].to_numpy() for name in table if name.startswith(("p_", "yhat_"))}
    ids = table["id"].to_numpy(dtype=object)
    found = Predictions(ids, columns, table["part"].to_numpy(dtype=object))
    return audit_dataset(prepared.dataset, read_split(run / "split.parquet"), seed=seed, predictions=found)
