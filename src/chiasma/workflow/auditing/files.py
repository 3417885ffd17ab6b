"""Audit of files: somebody's data, or somebody's training and test part with their predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from chiasma.audit.audit import audit, collect
from chiasma.audit.hypothetical import if_divided_at_random
from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.matrix import Matrix
from chiasma.data.results import Audit, Finding
from chiasma.data.sequences import Sequences
from chiasma.data.split import Split
from chiasma.split.make import make_split
from chiasma.split.options import SplitOptions
from chiasma.split.proof import prove
from chiasma.workflow.auditing.claims import claims_alone, read_predictions, strangers
from chiasma.workflow.auditing.parts import Part, apart, join, read_part, some_skipped, suffix


def audit_files(
    train: Path | str | Mapping[str, Path | str],
    test: Path | str | None = None,
    *,
    labels: str | Sequence[str] | None = None,
    predictions: Path | str | None = None,
    fasta: Path | str | None = None,
    full_features: Path | str | None = None,
    seed: int = 0,
) -> Audit:
    """Audit data or a division that somebody else made.

    Args:
        train: BED or narrowPeak, FASTA, a table of sequences or of measurements, h5ad or h5mu; plain or gzip. Or one
            such file for each class, {"positive": FILE, "negative": FILE}.
        test: the test part, of the same kind; without it the data are divided here, and the audit says how.
        labels: FILE[:COLUMN] with a label for each id, or several; by default those that the files hold, if any.
        predictions: TSV, CSV or Parquet with id, scores, and perhaps y, for test examples.
        fasta: genome, to look at the sequences of intervals.
        full_features: the matrix before features were selected, with the rows of train and test.
        seed: root of folds, permutations and of the division, if made here.

    Raises:
        MismatchError: the files are of different kinds or have different features or samples.
        UsageError: classes are given twice, as files and as labels.
        FormatError, InputError: from the readers.
    """
    joined, in_test = _read_all(train, test, fasta, labelled=labels is not None)
    claims, truth = (None, {}) if predictions is None else read_predictions(predictions)
    data, kept = _dataset(joined, [labels] if isinstance(labels, str) else list(labels or []))
    split, notes = _made(data, seed) if test is None else (_given(data, in_test[kept]), [])
    labelled = data.target.kind != "none"
    full = None if full_features is None else _full_matrix(full_features, data)
    found = audit(data, split, seed=seed, predictions=claims if labelled else None, full_features=full)
    skips = [*joined.skips, *data.skips]
    if claims is not None:
        skips += some_skipped(f"{Path(str(predictions)).name}: prediction of no example", strangers(claims, data.ids))
        notes += [] if labelled else claims_alone(data, split, claims, truth)
    return collect([*found.findings, *notes, *joined.notes, *[skipped(skip) for skip in skips]])


def audit_positives(positives: Path | str, negatives: str, *, fasta: Path | str | None, seed: int) -> Audit:
    """Audit positives with negatives that are made ("shuffled" or "genome"), read and divided as `fit` does."""
    from chiasma.workflow.loading.sequences import load_sequences

    data = load_sequences({"positives": positives, "negatives": negatives, "fasta": fasta}, seed=seed)
    split, notes = _made(data, seed)
    found = audit(data, split, seed=seed)
    return collect([*found.findings, *notes, *map(skipped, data.skips)])


def skipped(skip: Skip) -> Finding:
    """What was left out, as a note."""
    figures = {"reason": skip.reason, "count": skip.count, "examples": list(skip.examples)}
    return Finding("format", "skipped", "note", f"{str(skip)[:1].upper()}{str(skip)[1:]}.", figures)


def _read_all(
    train: Path | str | Mapping[str, Path | str], test: Path | str | None, fasta: Path | str | None, *, labelled: bool
) -> tuple[Part, np.ndarray]:
    """All examples, and which come from the test file (example,)."""
    if isinstance(train, Mapping):
        if test is not None or labelled or len(train) < 2:
            raise UsageError(
                "a file for each class stands alone",
                got=list_some(train),
                expected="two classes or more, without a test file or labels",
                do="or give --train, --test and --labels",
            )
        joined = _classes(train, fasta)
        return joined, np.zeros(len(joined.ids), bool)
    first = read_part(train, fasta)
    if test is None:
        return first, np.zeros(len(first.ids), bool)
    second = read_part(test, fasta)
    joined = join(apart(first, second, prefix="train"), second, where=f"{train} and {test}")
    return joined, np.arange(len(joined.ids)) >= len(first.ids)


def _classes(files: Mapping[str, Path | str], fasta: Path | str | None) -> Part:
    """One file for each class, the class as label."""
    joined: Part | None = None
    names: list[str] = []
    for name, path in files.items():
        part = replace(read_part(path, fasta), labels={})
        names += [name] * len(part.ids)
        part = part if joined is None else part.renamed_apart(joined.ids, prefix=name)
        joined = part if joined is None else join(joined, part, where=str(path))
    assert joined is not None
    return replace(joined, labels={"class": names})


def _dataset(part: Part, labels: Sequence[str]) -> tuple[Dataset, np.ndarray]:
    """A Dataset of the examples with a label (all of them, if there are no labels), and their indices."""
    from chiasma.io.sequence_table import labels_for, make_target

    n, columns = len(part.ids), part.labels
    where = ", ".join(labels) or "labels in the files"
    if labels:
        table: dict[str, str] = {}
        for spec in labels:
            name, more = _read_labels(spec, sequences=isinstance(part.x, Sequences))
            table |= more
        own = np.array([part.renamed.get(str(name), str(name)) for name in part.ids], dtype=object)
        columns = {name: labels_for(own, table, where=where)}
    if not columns:
        target = Target("none", np.zeros(n, np.int64), ())
        return Dataset(part.ids, part.x, target, np.arange(n), columns=part.columns), np.arange(n)
    target, known = make_target(columns, where=where)
    kept = np.flatnonzero(known)
    taken = {key: values[kept] for key, values in part.columns.items()}
    skips = some_skipped("example without a label", part.ids[~known].astype(str).tolist())
    return Dataset(part.ids[kept], part.x.take(kept), target, np.arange(len(kept)), columns=taken, skips=skips), kept


def _read_labels(spec: str, *, sequences: bool) -> tuple[str, dict[str, str]]:
    """The column's name and the label of each id."""
    from chiasma.io.sequence_table import read_labels
    from chiasma.io.tables import read_labels as read_table_labels, split_column

    path, column = split_column(spec)
    text = sequences and suffix(path) in (".tsv", ".csv", ".txt")
    return column or "label", read_labels(path, column=column) if text else read_table_labels(spec)


def _full_matrix(path: Path | str, data: Dataset) -> Matrix:
    """The matrix before selection, its rows in the order of the dataset."""
    full = read_part(path).x
    if not isinstance(full, Matrix) or not isinstance(data.x, Matrix):
        got = f"{type(data.x).__name__} and {type(full).__name__}"
        raise UsageError("selection is examined on matrices", where=path, got=got, expected="two matrices")
    row = {str(name): index for index, name in enumerate(full.samples)}
    absent = [str(name) for name in data.ids if str(name) not in row]
    if absent:
        raise MismatchError(
            f"{len(absent)} samples are not in the matrix before selection",
            where=path,
            got=list_some(absent),
            expected="every sample of the audited matrix",
        )
    return full.take(np.array([row[str(name)] for name in data.ids]))


def _given(data: Dataset, in_test: np.ndarray) -> Split:
    """The division that the two files are."""
    part = np.where(in_test, "test", "train").astype(object)
    return Split("given", data.ids, part, {}, prove(data, part, kind="given"))


def _made(data: Dataset, seed: int) -> tuple[Split, list[Finding]]:
    """A division made here, for data that come without one, and what a random one would have leaked."""
    try:
        try:
            split = make_split(data, SplitOptions(seed=seed))
        except InsufficientDataError:  # too few blocks for four parts; two are enough to look at
            split = make_split(data, SplitOptions(seed=seed, valid=0, calibration=0))
    except (InsufficientDataError, UsageError) as error:
        part = np.full(len(data), "train", dtype=object)
        message = f"No test part was given and none could be made: {error.what}."
        finding = Finding("dependent-examples", "no-split", "warning", message)
        return Split("given", data.ids, part, {}, prove(data, part)), [finding]
    message = f"No test part was given: the data were divided here, by {split.kind}, to look at them."
    if split.kind == "random":
        message = "No test part was given: the data were divided here, at random, to look at them."
    notes = [Finding("dependent-examples", "own-split", "note", message)]
    if split.kind != "random" and (leak := if_divided_at_random(data, seed=seed)) is not None:
        notes.append(leak)
    return replace(split, warnings=()), notes
