"""Labelled sequences: FASTA with labels in its headers, or CSV and TSV with a column of DNA."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_unique
from chiasma.core.errors import (
    FormatError,
    InputError,
    InsufficientDataError,
    MismatchError,
    UsageError,
    list_some,
    unknown_name,
)
from chiasma.data.dataset import Skip, Target, TargetKind
from chiasma.io.fasta import FastaRecords, make_records, read_fasta_records
from chiasma.io.missing import MISSING
from chiasma.io.textfile import open_bytes, read_lines

_DNA = re.compile(r"[ACGTUNRYSWKMBDHVX\-]{2,}", re.IGNORECASE)
_SEQUENCE_NAMES = ("sequence", "seq", "dna", "dna_sequence")
_ID_NAMES = ("id", "name", "seq_id", "sequence_id", "header")
_LABEL_NAMES = ("label", "labels", "class", "target", "y", "expression")
_GROUP_NAMES = ("group", "study", "library", "patient")
_LABEL_IN_HEADER = re.compile(r"(?:^|([\s|;,]))(?:label|class)=(\S+)", re.IGNORECASE)
_NEXT_FIELD = re.compile(r"[|;,](?=\w+=)")
_BETWEEN_LABELS = re.compile(r"[|;]")
_FALSE = {"0", "negative", "neg", "no", "false", "control", "background", "non", "-1"}
_MOST_INTEGER_CLASSES = 20
"""One column of integers with more values than this is a measurement, not a class."""
_FEWEST_PER_CLASS = 5
"""Examples a label in a header must have on average; with fewer it is taken for a name."""


@dataclass(frozen=True, eq=False)
class LabelledSequences:
    """Sequences with the label columns of their file, as text.

    Attributes:
        records: the sequences.
        labels: columns of text (example,), empty where the file has none.
        group: group of each example (example,), where the file has such a column.
        group_name: what the file calls it.
    """

    records: FastaRecords
    labels: dict[str, list[str]] = field(default_factory=dict)
    group: np.ndarray | None = None
    group_name: str = "group"


def read_labelled(path: Path | str) -> LabelledSequences:
    """Read labelled sequences: FASTA or a table, told apart by content.

    FASTA labels are `label=X` (or `class=X`) in the header, the last field of headers with `|`, or the whole header
    where few headers repeat often; `label=X|Y` and `label=X;Y` are several labels of one sequence, as in a table.
    Where `|`, `;` or `,` stands before `label=`, the same mark ends it. A table has one column of DNA, or of k-mers
    overlapping by k - 1 (DNABERT), and label columns: those named label, class, target, y, expression, or else all
    others that are not id or group; a line of headings is optional.

    Raises:
        InputError: absent, or ids repeat.
        FormatError: no column of DNA, or rows of different width; names the line.
    """
    if str(path) != "-":
        with open_bytes(path) as handle:
            start = handle.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start.startswith((b">", b";")):
            return _read_table(path)
    return _read_fasta(path)


def make_target(
    labels: Mapping[str, list[str]], *, kind: TargetKind | None = None, where: object = None
) -> tuple[Target, np.ndarray]:
    """The target that label columns hold, and which examples have one.

    One column: `a|b` or `a;b` in any value is multilabel, two values are binary, text or few integers multiclass, other
    numbers regression.
    Several columns: all 0 or 1 are multilabel, other numbers regression.

    Args:
        labels: columns of text (example,).
        kind: what it is, where the guess would be wrong.
        where: for messages.

    Returns:
        The target of the examples with a label, and their mask (example,).

    Raises:
        InputError: the labels cannot be of that kind.
        InsufficientDataError: only one class is present.
    """
    names = list(labels)
    table = np.array([[str(value).strip() for value in labels[name]] for name in names], dtype=object).T
    known = np.array([not any(str(value) in MISSING for value in row) for row in table], bool)
    if not known.any():
        raise InputError("no example has a label", where=where, got=list_some(names), expected="labels or numbers")
    kept = table[known]
    kind = kind or _guess_kind(kept)
    if kind in ("binary", "multiclass"):
        return _classes(kept[:, 0], kind, where), known
    if kind == "multilabel" and len(names) == 1:
        return _label_sets(kept[:, 0]), known
    if kind not in ("multilabel", "regression"):
        raise UsageError("labels are of no kind that can be learnt", where=where, got=kind, expected="binary, ...")
    values = _numbers(kept, names, where)
    if kind == "multilabel" and not np.isin(values, (0, 1)).all():
        raise InputError(
            "not labels", where=where, got=list_some(np.unique(values)), expected="0 and 1 in every column"
        )
    return Target(kind, values, tuple(names)), known


def read_labels(path: Path | str, *, column: str | None = None) -> dict[str, str]:
    """Labels by id from a CSV or TSV: the first column (or the one named id) and `column`, by default the next.

    Raises:
        InputError: absent, or ids repeat.
        UsageError: no such column.
    """
    heading, rows, _ = _rows(path)
    if heading is None:
        heading = ["id", *[f"column{index}" for index in range(2, len(rows[0]) + 1)]]
        if not column:
            # Without a column of DNA the first line may still be a heading: it is, where it says so.
            lowered = [cell.lower() for cell in rows[0]]
            if lowered[0] in _ID_NAMES or any(cell in (*_LABEL_NAMES, *_GROUP_NAMES) for cell in lowered):
                heading, rows = rows[0], rows[1:]
    if column and column not in heading:
        heading, rows = rows[0] if column in rows[0] else heading, rows[1:] if column in rows[0] else rows
    key = next((index for index, name in enumerate(heading) if name.lower() in _ID_NAMES), 0)
    if column and column not in heading:
        raise unknown_name(f"column of {path}", column, heading)
    others = [index for index in range(len(heading)) if index != key]
    if not others:
        raise FormatError("only one column", where=path, expected="id and label")
    value = heading.index(column) if column else others[0]
    require_unique([row[key] for row in rows], what="id", where=path)
    return {row[key]: row[value] for row in rows}


def labels_for(ids: np.ndarray, labels: Mapping[str, str], *, where: object) -> list[str]:
    """Labels (example,) in the order of `ids`; an id without one gets "" and is left out later.

    Raises:
        MismatchError: no id has a label.
    """
    found = [labels.get(str(name), "") for name in ids]
    if not any(found):
        raise MismatchError(
            "no id of the sequences is in the table of labels",
            where=where,
            got=list_some(labels),
            expected="ids like " + list_some(ids),
            do="give the table whose first column holds the sequences' ids",
        )
    return found


def skip_unlabelled(ids: np.ndarray, known: np.ndarray) -> tuple[Skip, ...]:
    """The Skip for examples without a label, if there are any."""
    missing = ids[~known]
    return (Skip("no label", len(missing), tuple(str(name) for name in missing[:3])),) if len(missing) else ()


def _read_fasta(path: Path | str) -> LabelledSequences:
    records = read_fasta_records(path, unique_headers=False)
    headers = [str(header) for header in records.headers]
    named = [_label_in(header) for header in headers]
    if all(named):
        labels = [label for label in named if label]
    elif all("|" in header for header in headers) and _few([header.rsplit("|", 1)[1] for header in headers]):
        labels = [header.rsplit("|", 1)[1].strip() for header in headers]
    elif _few(headers):
        return LabelledSequences(records, {"label": headers})
    else:
        return LabelledSequences(read_fasta_records(path) if str(path) != "-" else records)
    require_unique([str(name) for name in records.sequences.ids], what="id", where=path)
    return LabelledSequences(records, {"label": labels})


def _label_in(header: str) -> str | None:
    found = _LABEL_IN_HEADER.search(header)
    if found is None:
        return None
    mark, label = found.groups()
    if mark and not mark.isspace():
        label = label.split(mark, 1)[0]
    return _NEXT_FIELD.split(label, maxsplit=1)[0]


def _few(values: list[str]) -> bool:
    """Whether values repeat as labels do, or are all numbers with a point, as measurements are."""
    distinct = set(values)
    if len(distinct) * _FEWEST_PER_CLASS <= len(values):
        return True
    return all("." in value and _is_number(value) for value in distinct)


def _read_table(path: Path | str) -> LabelledSequences:
    heading, rows, lines = _rows(path)
    column = _sequence_column(heading, rows)
    if column is None:
        raise FormatError(
            "no column of DNA",
            where=path,
            got=f"columns {list_some(heading or rows[0])}",
            expected="a FASTA file, or a table with a column of sequences and one or more of labels",
            do="name the column 'sequence', or give a FASTA file",
        )
    names = heading or [f"column{index + 1}" for index in range(len(rows[0]))]
    lowered = [name.lower() for name in names]
    key = next((i for i, name in enumerate(lowered) if name in _ID_NAMES and i != column), None)
    ids = [row[key] for row in rows] if key is not None else [f"line_{number}" for number in lines]
    if key is not None:
        require_unique(ids, what="id", where=path)
    bodies = [_join_kmers(row[column], path, number) for row, number in zip(rows, lines, strict=True)]
    if empty := [number for body, number in zip(bodies, lines, strict=True) if not body]:
        raise FormatError(
            "empty sequence", where=f"{path}, line {empty[0]}", got=f"{len(empty)} such rows", do="remove these rows"
        )
    records = make_records(ids, bodies, path=path)
    group = next((i for i, name in enumerate(lowered) if name in _GROUP_NAMES), None)
    chosen = [i for i, name in enumerate(lowered) if name in _LABEL_NAMES and i != column]
    rest = [i for i in range(len(names)) if i not in (column, key, group)]
    labels = {names[i]: [row[i] for row in rows] for i in chosen or rest}
    groups = None if group is None else np.array([row[group] for row in rows], dtype=object)
    return LabelledSequences(records, labels, groups, "group" if group is None else lowered[group])


def _rows(path: Path | str) -> tuple[list[str] | None, list[list[str]], list[int]]:
    """Heading (or None), rows and their line numbers."""
    numbered = list(read_lines(path))
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in numbered[0][1]), "\t")
    rows = [row for row in csv.reader((line for _, line in numbered), delimiter=delimiter)]
    lines = [number for number, _ in numbered]
    rows = [[cell.strip() for cell in row] for row in rows]
    for row, number in zip(rows, lines, strict=False):
        if len(row) != len(rows[0]):
            raise FormatError(
                "a row of another width", where=f"{path}, line {number}", got=len(row), expected=len(rows[0])
            )
    heading = None
    is_dna = [bool(_DNA.fullmatch(cell.replace(" ", ""))) and len(cell) > 3 for cell in rows[0]]
    below = rows[1] if len(rows) > 1 else rows[0]
    below_dna = [bool(_DNA.fullmatch(cell.replace(" ", ""))) and len(cell) > 3 for cell in below]
    if rows[0][0].lower() in (*_SEQUENCE_NAMES, *_ID_NAMES) or (any(below_dna) and not any(is_dna)):
        heading, rows, lines = rows[0], rows[1:], lines[1:]
    if not rows:
        raise FormatError("a line of headings and nothing below", where=path, expected="one example a line")
    return heading, rows, lines


def _sequence_column(heading: list[str] | None, rows: list[list[str]]) -> int | None:
    for index, name in enumerate(heading or []):
        if name.lower() in _SEQUENCE_NAMES:
            return index
    sample = rows[:50]
    for index in range(len(rows[0])):
        cells = [row[index].replace(" ", "") for row in sample]
        if all(_DNA.fullmatch(cell) for cell in cells) and np.median([len(cell) for cell in cells]) >= 4:
            return index
    return None


def _join_kmers(cell: str, path: Path | str, number: int) -> bytes:
    """The sequence of a cell: itself, or what its overlapping k-mers spell."""
    words = cell.split()
    if len(words) < 2:
        return cell.encode("ascii", "replace")
    if any(one[1:] != two[:-1] for one, two in itertools.pairwise(words)):
        raise FormatError(
            "words that do not overlap as k-mers do",
            where=f"{path}, line {number}",
            got=" ".join(words[:3])[:60],
            expected="each word to begin with the last k - 1 letters of the one before",
        )
    return (words[0] + "".join(word[-1] for word in words[1:])).encode("ascii", "replace")


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _guess_kind(table: np.ndarray) -> TargetKind:
    distinct = {str(value) for value in table[:, 0]}
    numeric = all(_is_number(value) for value in distinct)
    if table.shape[1] > 1:
        return "multilabel" if {str(value) for value in table.ravel()} <= {"0", "1", "0.0", "1.0"} else "regression"
    if any(_BETWEEN_LABELS.search(value) for value in distinct):
        return "multilabel"
    if len(distinct) <= 2:
        return "binary"
    if not numeric:
        return "multiclass"
    whole = all(float(value).is_integer() and "." not in value for value in distinct)
    crowded = len(table) >= _FEWEST_PER_CLASS * len(distinct)
    return "multiclass" if whole and crowded and len(distinct) <= _MOST_INTEGER_CLASSES else "regression"


def _classes(values: np.ndarray, kind: TargetKind, where: object) -> Target:
    counts = Counter(str(value) for value in values)
    numeric = all(_is_number(value) for value in counts)
    names = sorted(counts, key=lambda value: (value.lower() not in _FALSE, float(value) if numeric else 0.0, value))
    if len(names) < 2:
        raise InsufficientDataError(
            "only one class is present", where=where, got=names[0], expected="two classes or more"
        )
    if kind == "binary" and len(names) != 2:
        raise InputError(
            f"{len(names)} classes where two are needed", where=where, got=list_some(names), expected="two labels"
        )
    codes = {name: code for code, name in enumerate(names)}
    shown = ("negative", "positive") if names in (["0", "1"], ["0.0", "1.0"], ["-1", "1"]) else tuple(names)
    return Target(kind, np.array([codes[str(value)] for value in values], np.int64), shown)


def _label_sets(values: np.ndarray) -> Target:
    sets = [{part.strip() for part in _BETWEEN_LABELS.split(str(value)) if part.strip()} for value in values]
    names = sorted(set().union(*sets))
    return Target("multilabel", np.array([[float(name in one) for name in names] for one in sets]), tuple(names))


def _numbers(table: np.ndarray, names: list[str], where: object) -> np.ndarray:
    try:
        return table.astype(float)
    except ValueError:
        bad = next((column, value) for row in table for column, value in enumerate(row) if not _is_number(value))
        raise InputError(
            "a target is not a number", where=f"{where}, column {names[bad[0]]}", got=repr(bad[1]), expected="a number"
        ) from None
