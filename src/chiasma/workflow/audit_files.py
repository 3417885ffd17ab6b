"""Audit of files: somebody's data, or somebody's training and test part with their predictions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.audit.audit import audit, verdict
from chiasma.audit.claims import check_claims
from chiasma.audit.context import make_context
from chiasma.audit.words import ORDER
from chiasma.core.errors import FormatError, InsufficientDataError, MismatchError, UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.intervals import Intervals
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Audit, Finding, Predictions
from chiasma.data.sequences import Sequences, concatenate
from chiasma.data.split import Split
from chiasma.split.make import make_split
from chiasma.split.options import SplitOptions
from chiasma.split.proof import prove

_INTERVALS = (".bed", ".narrowpeak", ".broadpeak")
_CONTAINERS = (".h5mu", ".h5ad")
_NOT_SCORES = ("id", "y", "label", "truth", "part", "set", "name")


@dataclass(frozen=True, eq=False)
class _Part:
    """What one file holds.

    Attributes:
        ids: (example,).
        x: sequences, or measurements; a matrix without columns for bare intervals.
        columns: per-example columns for the audit.
        labels: label columns as text, empty where the file has none.
    """

    ids: np.ndarray
    x: Sequences | Matrix | Views
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)


def audit_files(
    train: Path | str,
    test: Path | str | None = None,
    *,
    labels: str | None = None,
    predictions: Path | str | None = None,
    fasta: Path | str | None = None,
    seed: int = 0,
) -> Audit:
    """Audit data or a division that somebody else made.

    Args:
        train: BED or narrowPeak, FASTA, a table of sequences or of measurements, h5ad or h5mu; plain or gzip.
        test: the test part, of the same kind; without it the data are divided here, and the audit says how.
        labels: FILE[:COLUMN] with a label for each id; by default those that the files hold, if any.
        predictions: TSV, CSV or Parquet with id, scores, and perhaps y, for test examples.
        fasta: genome, to look at the sequences of intervals.
        seed: root of folds, permutations and of the division, if made here.

    Raises:
        MismatchError: train and test are of different kinds or have different features.
        FormatError, InputError, UsageError: from the readers.
    """
    parts = [_read(path, fasta) for path in (train, test) if path is not None]
    if len(parts) == 2 and all(isinstance(part.x, Sequences) for part in parts):
        parts[0] = _apart(parts[0], parts[1])
    joined = parts[0] if len(parts) == 1 else _join(*parts, where=f"{train} and {test}")
    in_test = np.repeat([False, True], [len(parts[0].ids), len(joined.ids) - len(parts[0].ids)])
    claims, truth = (None, {}) if predictions is None else _read_predictions(predictions)
    data, kept, skipped = _dataset(joined, labels)
    split, notes = _given(data, in_test[kept]) if len(parts) == 2 else _made(data, seed)
    labelled = data.target.kind != "none"
    found = audit(data, split, seed=seed, predictions=claims if labelled else None)
    extra = [*notes, *skipped]
    if claims is not None and not labelled:
        extra += _claims_alone(data, split, claims, truth)
    ordered = sorted([*found.findings, *extra], key=lambda finding: -ORDER.index(finding.severity))
    return Audit(verdict(ordered), tuple(ordered))


def _suffix(path: Path | str) -> str:
    name = Path(path).name.lower()
    for compressed in (".gz", ".bgz"):
        name = name.removesuffix(compressed)
    return Path(name).suffix


def _read(path: Path | str, fasta: Path | str | None) -> _Part:
    if _suffix(path) in _INTERVALS:
        return _read_intervals(path, fasta)
    if _suffix(path) in _CONTAINERS:
        from chiasma.io.containers import read_h5ad, read_h5mu

        x: Matrix | Views = read_h5mu(path) if _suffix(path) == ".h5mu" else read_h5ad(path)
        return _Part(x.samples, x)
    from chiasma.io.sequence_table import read_labelled
    from chiasma.io.tables import read_matrix

    if _suffix(path) != ".parquet":
        try:
            read = read_labelled(path)
        except FormatError as error:
            if "no column of DNA" not in error.what:
                raise
        else:
            columns = {"lower_case_share": read.records.lower_case_share}
            columns |= {} if read.group is None else {"group": read.group}
            found = read.records.sequences
            return _Part(found.ids, found, columns | _place_columns(found.intervals), read.labels)
    matrix = read_matrix(path)
    return _Part(matrix.samples, matrix)


def _place_columns(places: Intervals | None) -> dict[str, np.ndarray]:
    return {} if places is None else {"chrom": places.chrom, "start": places.start, "end": places.end}


def _read_intervals(path: Path | str, fasta: Path | str | None) -> _Part:
    from chiasma.io.bed import read_bed

    places = read_bed(path)
    if fasta is None:
        bare = Matrix(np.zeros((len(places), 0)), places.names, np.zeros(0, dtype=object))
        return _Part(places.names, bare, _place_columns(places))
    from chiasma.encode.windows import extract
    from chiasma.io.genome import open_genome

    sequences, _ = extract(open_genome(fasta), places)
    return _Part(sequences.ids, sequences, _place_columns(sequences.intervals))


def _apart(train: _Part, test: _Part) -> _Part:
    """Training ids that only happen to be test ids (another sequence bears them) get a prefix."""
    assert isinstance(train.x, Sequences) and isinstance(test.x, Sequences)
    known = {str(name): index for index, name in enumerate(test.ids)}
    ids = []
    for index, name in enumerate(train.ids.astype(str)):
        other = known.get(name)
        same = other is None or np.array_equal(train.x[index], test.x[other])
        ids.append(name if same else f"train:{name}")
    renamed = np.array(ids, dtype=object)
    return replace(train, ids=renamed, x=replace(train.x, ids=renamed))


def _join(train: _Part, test: _Part, *, where: str) -> _Part:
    """Both parts one after the other, with the columns that both have."""
    columns = {
        key: np.concatenate([train.columns[key], test.columns[key]]) for key in train.columns.keys() & test.columns
    }
    labels = {key: train.labels[key] + test.labels[key] for key in train.labels if key in test.labels}
    ids = np.concatenate([train.ids, test.ids])
    if isinstance(train.x, Sequences) and isinstance(test.x, Sequences):
        x: Sequences | Matrix | Views = concatenate([train.x, test.x])
    elif isinstance(train.x, Matrix) and isinstance(test.x, Matrix):
        x = _stack(train.x, test.x, where)
    elif isinstance(train.x, Views) and isinstance(test.x, Views):
        common = [name for name in train.x.blocks if name in test.x.blocks]
        if not common:
            raise MismatchError("no view is in both files", where=where)
        x = Views({name: _stack(train.x.blocks[name], test.x.blocks[name], where) for name in common})
    else:
        raise MismatchError(
            "train and test are of different kinds",
            where=where,
            got=f"{type(train.x).__name__} and {type(test.x).__name__}",
            expected="two files of one kind",
        )
    return _Part(ids, x, columns, labels)


def _stack(train: Matrix, test: Matrix, where: str) -> Matrix:
    place = {str(name): index for index, name in enumerate(test.features)}
    both = [index for index, name in enumerate(train.features) if str(name) in place]
    if not both and len(train.features):
        raise MismatchError("train and test have no feature in common", where=where)
    order = [place[str(name)] for name in train.features[both]]
    values = np.vstack([train.values[:, both], test.values[:, order]])
    return Matrix(values, np.concatenate([train.samples, test.samples]), train.features[both])


def _dataset(part: _Part, labels: str | None) -> tuple[Dataset, np.ndarray, list[Finding]]:
    """A Dataset of the examples with a label (all of them, if there are no labels), their indices, and who was left."""
    from chiasma.io.sequence_table import labels_for, make_target, read_labels
    from chiasma.io.tables import read_labels as read_table_labels
    from chiasma.io.tables import split_column

    n, columns = len(part.ids), part.labels
    if labels is not None:
        path, column = split_column(labels)
        text = _suffix(path) in (".tsv", ".csv", ".txt") and isinstance(part.x, Sequences)
        table = read_labels(path, column=column) if text else read_table_labels(labels)
        plain = np.array([str(name).removeprefix("train:") for name in part.ids], dtype=object)
        columns = {column or "label": labels_for(plain, table, where=labels)}
    if not columns:
        target = Target("none", np.zeros(n, np.int64), ())
        return Dataset(part.ids, part.x, target, np.arange(n), columns=part.columns), np.arange(n), []
    target, known = make_target(columns, where=labels or "labels in the files")
    kept = np.flatnonzero(known)
    taken = {key: values[kept] for key, values in part.columns.items()}
    data = Dataset(part.ids[kept], part.x.take(kept), target, np.arange(len(kept)), columns=taken)
    if len(kept) == n:
        return data, kept, []
    message = f"{n - len(kept):,} of {n:,} examples have no label and were left out."
    return data, kept, [Finding("format", "unlabelled", "warning", message, {"count": n - len(kept)})]


def _given(data: Dataset, in_test: np.ndarray) -> tuple[Split, list[Finding]]:
    """The division that the two files are."""
    part = np.where(in_test, "test", "train").astype(object)
    proof = prove(data, part, kind="given")
    return Split("given", data.ids, part, {}, proof), []


def _made(data: Dataset, seed: int) -> tuple[Split, list[Finding]]:
    """A division made here, for data that come without one."""
    try:
        split = make_split(data, SplitOptions(seed=seed))
    except (InsufficientDataError, UsageError) as error:
        part = np.full(len(data), "train", dtype=object)
        message = f"No test part was given and none could be made: {error.what}."
        finding = Finding("dependent-examples", "no-split", "warning", message)
        return Split("given", data.ids, part, {}, prove(data, part)), [finding]
    message = f"No test part was given: the data were divided here, by {split.kind}, to look at them."
    return replace(split, warnings=()), [Finding("dependent-examples", "own-split", "note", message)]


def _read_predictions(path: Path | str) -> tuple[Predictions, dict[str, str]]:
    """Scores by id, and the truth that the table holds (empty if none)."""
    if _suffix(path) == ".parquet":
        import pyarrow.parquet as pq

        table: dict[str, list[Any]] = pq.read_table(path).to_pydict()
    else:
        import csv

        from chiasma.io.textfile import read_lines

        lines = [line for _, line in read_lines(path) if line.strip()]
        separator = "\t" if lines and "\t" in lines[0] else ","
        rows = list(csv.reader(lines, delimiter=separator))
        if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
            raise FormatError("not a table of predictions", where=path, expected="a heading, then id, y and scores")
        table = {name: [row[index] for row in rows[1:]] for index, name in enumerate(rows[0])}
    key = "id" if "id" in table else next(iter(table))
    scores = {}
    for name, values in table.items():
        if name == key or name.lower() in _NOT_SCORES:
            continue
        try:
            scores[name] = np.array([float(value) for value in values])
        except (TypeError, ValueError):
            continue
    chosen = {name: values for name, values in scores.items() if name.startswith(("p_", "yhat_"))} or scores
    if not chosen:
        raise FormatError("no column of scores", where=path, got=", ".join(table), expected="id, y, p")
    ids = np.array([str(value) for value in table[key]], dtype=object)
    truth = next((table[name] for name in ("y", "truth", "label") if name in table), [])
    return Predictions(ids, chosen), {str(name): str(value) for name, value in zip(ids, truth)}


def _claims_alone(data: Dataset, split: Split, claims: Predictions, truth: dict[str, str]) -> list[Finding]:
    """Predictions that bring their own truth, for parts without labels: only they are measured."""
    from chiasma.io.sequence_table import make_target

    test = split.where("test")
    held = np.array([i for i in test if truth.get(str(data.ids[i]))], dtype=int)
    if not len(held):
        message = "The predictions could not be measured: neither labels nor a column y for test examples."
        return [Finding("claims", "predictions", "warning", message)]
    target, known = make_target({"y": [truth[str(data.ids[i])] for i in held]}, where="predictions")
    held = held[known]
    values = np.zeros((len(data), *np.shape(target.values)[1:]), np.asarray(target.values).dtype)
    values[held] = target.values
    full = replace(data, target=Target(target.kind, values, target.names))
    part = split.part.copy()
    part[np.setdiff1d(test, held)] = "dropped"
    context = make_context(full, replace(split, part=part), seed=0, budget_s=60, predictions=claims)
    return check_claims(context)
