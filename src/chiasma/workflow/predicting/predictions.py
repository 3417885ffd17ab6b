"""predictions.parquet, and predictions in the format that the output's suffix asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import atomic_write, read_json
from chiasma.data.dataset import Dataset, Target
from chiasma.data.intervals import Intervals
from chiasma.data.results import Predictions
from chiasma.data.sequences import Sequences
from chiasma.io.bigwig import BIGWIG_SUFFIXES, write_bigwig
from chiasma.io.tables import CONTAINERS
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.model import Model

LABEL = "label"
"""Column of what a sample is called, where a method takes no notice of it."""
SUFFIXES = (".parquet", ".tsv", ".csv", ".bed", ".bedgraph", *BIGWIG_SUFFIXES, ".json", ".h5ad", ".zarr", ".h5mu")


def conformal_sets(fitted: Model, scores: np.ndarray) -> np.ndarray | None:
    """Sets (example, class) of booleans, or intervals (example, track, 2) for regression; None if not calibrated."""
    record = fitted.meta.get("conformal")
    if record is None:
        return None
    if fitted.target.kind == "regression":
        from chiasma.uncertainty.intervals import SplitConformal

        return SplitConformal.from_dict(record).intervals(scores, record["alpha"])
    from chiasma.uncertainty.conformal import MondrianConformal

    return MondrianConformal.from_dict(record).sets(scores, record["alpha"])


def set_texts(target: Target, sets: np.ndarray | None) -> np.ndarray | None:
    """Conformal sets as text: "a|b" for classes, "low..high" by track for regression."""
    if sets is None:
        return None
    if target.kind == "regression":
        rows = ["|".join(f"{low:.4g}..{high:.4g}" for low, high in row) for row in sets]
    else:
        names = np.asarray(target.names, dtype=object)
        rows = ["|".join(names[row]) for row in sets]
    return np.asarray(rows, dtype=object)


def prediction_columns(fitted: Model, data: Dataset, scores: np.ndarray, sets: np.ndarray | None) -> dict[str, Any]:
    """The columns of a prediction table on new data: id, then p_CLASS or yhat_TRACK, then set."""
    columns: dict[str, Any] = {"id": data.ids.astype(str)}
    columns |= {name: scores[:, index] for index, name in enumerate(fitted.columns)}
    texts = set_texts(fitted.target, sets)
    if texts is not None:
        columns["set"] = texts.astype(str)
    return columns | factor_columns(fitted, data)


def factor_columns(fitted: Model, data: Dataset) -> dict[str, np.ndarray]:
    """Where samples lie on the factors that a head reads, by factor; nothing for other methods."""
    if not isinstance(fitted, Fitted) or "factors" not in fitted.meta or fitted.target.kind == "none":
        return {}
    return dict(zip(fitted.meta["factors"], fitted.factors(data).T, strict=True))


def write_predictions(
    path: Path, fitted: Fitted, data: Dataset, scores: np.ndarray, *, part: np.ndarray, sets: np.ndarray | None
) -> None:
    """Write predictions.parquet of a run: id, part, unit, y, p_CLASS or yhat_TRACK, set."""
    columns = prediction_columns(fitted, data, scores, sets)
    head = {"id": columns.pop("id"), "part": part.astype(str), "unit": data.unit}
    _write_parquet(path, {**head, **_truth(data), **columns})


def _truth(data: Dataset) -> dict[str, np.ndarray]:
    """The target as columns: y, or y_TRACK where there are several; without one, what the samples are called."""
    truth = data.target.values
    if data.target.kind == "none":
        return {LABEL: data.columns[LABEL].astype(str)} if LABEL in data.columns else {}
    if truth.ndim == 2 and truth.shape[1] > 1:
        return {f"y_{name}": truth[:, index] for index, name in enumerate(data.target.names)}
    return {"y": truth if truth.ndim == 1 else truth[:, 0]}


def read_predictions(run: Path, *, part: str) -> tuple[Predictions, Target, np.ndarray]:
    """Predictions, truth and resampling unit of one part of a run."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(run / "predictions.parquet").to_pandas()
    table = table[table["part"] == part]
    described = read_json(run / "provenance.json")["target"]
    names, kind = tuple(described["names"]), described["kind"]
    if "y" in table:
        values = table["y"].to_numpy()
        values = values if kind in ("binary", "multiclass") else values[:, None]
    else:
        values = table[[f"y_{name}" for name in names]].to_numpy()
    columns = {name: table[name].to_numpy() for name in table if name.startswith(("p_", "yhat_"))}
    ids = table["id"].to_numpy(dtype=object)
    found = Predictions(ids, columns, table["part"].to_numpy(), values)
    return found, Target(kind, values, names, described["unit"]), table["unit"].to_numpy()


def output_suffix(path: Path | str) -> str:
    """The suffix that chooses the format, in lower case.

    Raises:
        UsageError: it chooses none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError("unknown output format", where=path, got=suffix or "no suffix", expected=" ".join(SUFFIXES))
    return suffix


def write_table(
    path: Path | str,
    columns: Mapping[str, Any],
    *,
    intervals: Intervals | None = None,
    fasta: Path | str | None = None,
) -> Path:
    """Write a prediction table in the format of the suffix.

    Args:
        path: ends in .parquet, .tsv, .csv, .json, .bed (score = last probability x 1000), .bedgraph or .bw (its
            value); containers are for `write_container`.
        columns: id first.
        intervals: places on a genome, needed for .bed, .bedgraph and .bw.
        fasta: the genome, whose contigs .bw lists.

    Raises:
        UsageError: an unknown suffix, or a genomic format without coordinates.
    """
    path = Path(path)
    suffix = output_suffix(path)
    if suffix in CONTAINERS:
        raise UsageError(
            "this model gives a table, which has no place in a container",
            where=path,
            got=suffix,
            expected="a method of matrices or views",
            do="write .parquet or .tsv",
        )
    if suffix == ".parquet":
        _write_parquet(path, columns)
    elif suffix in BIGWIG_SUFFIXES:
        _write_bigwig(path, columns, intervals, fasta)
    elif suffix in (".bed", ".bedgraph"):
        _write_places(path, columns, intervals)
    else:
        import pandas as pd

        table = pd.DataFrame(dict(columns))
        with atomic_write(path) as handle:
            if suffix == ".json":
                table.to_json(handle, orient="records", indent=1)
            else:
                table.to_csv(handle, sep="," if suffix == ".csv" else "\t", index=False, float_format="%.6g")
    return path


def _write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    with atomic_write(path, "wb") as handle:
        parquet.write_table(pa.table({name: pa.array(list(values)) for name, values in columns.items()}), handle)


def _write_bigwig(
    path: Path, columns: Mapping[str, Any], intervals: Intervals | None, fasta: Path | str | None
) -> None:
    from chiasma.io.genome import open_genome

    places, values = _require_places(path, intervals), np.asarray(columns[_numeric(columns)[-1]])
    if fasta is None:
        raise UsageError(
            "bigWig lists the contigs of a genome", where=path, expected="--fasta GENOME", do="add --fasta"
        )
    write_bigwig(path, places, values, genome=open_genome(fasta))


def _numeric(columns: Mapping[str, Any]) -> list[str]:
    return [name for name in columns if name.startswith(("p_", "yhat_"))]


def _require_places(path: Path, intervals: Intervals | None) -> Intervals:
    if intervals is None:
        raise UsageError(
            "these examples have no place on a genome",
            where=path,
            expected="input from BED, VCF or sequences named chrom:start-end",
            do="write .tsv or .parquet instead",
        )
    return intervals


def _write_places(path: Path, columns: Mapping[str, Any], intervals: Intervals | None) -> None:
    intervals, numeric = _require_places(path, intervals), _numeric(columns)
    value = np.asarray(columns[numeric[-1]])
    order = np.lexsort((intervals.start, intervals.chrom.astype(str)))
    with atomic_write(path) as handle:
        for index in order:
            place = f"{intervals.chrom[index]}\t{int(intervals.start[index])}\t{int(intervals.end[index])}"
            if path.suffix.lower() == ".bedgraph":
                handle.write(f"{place}\t{value[index]:.6g}\n")
                continue
            strand = {1: "+", -1: "-"}.get(int(intervals.strand[index]), ".")
            score = int(np.clip(round(1000 * float(value[index])), 0, 1000)) if numeric[-1].startswith("p_") else 0
            more = "\t".join(f"{columns[name][index]:.6g}" for name in numeric)
            handle.write(f"{place}\t{columns['id'][index]}\t{score}\t{strand}\t{more}\n")


def places(data: Dataset) -> Intervals | None:
    """Where the examples lie, if they are sequences with coordinates."""
    return data.x.intervals if isinstance(data.x, Sequences) else None
