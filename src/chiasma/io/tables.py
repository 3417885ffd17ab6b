"""Matrices and labels in CSV, TSV (plain or gzip) and Parquet: samples by features, names beside the numbers.

The first column holds the ids of the rows, the first line the names of the columns; R's habit of an empty or a
missing first header cell is understood. Nothing is guessed about a cell: a number, a mark for missing, or an error
that names its row and column.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_unique
from chiasma.core.errors import FormatError, InputError, UsageError, list_some, unknown_name
from chiasma.core.files import atomic_write
from chiasma.data.matrix import Matrix
from chiasma.io.missing import MISSING
from chiasma.io.tenx import is_tenx, read_tenx
from chiasma.io.textfile import read_bytes

PARQUET = (".parquet", ".pq")
CONTAINERS = (".h5ad", ".h5mu", ".zarr")


def suffix_of(path: Path | str) -> str:
    """The suffix that tells the format, without .gz."""
    path = Path(path)
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def read_matrix(path: Path | str, *, transpose: bool = False) -> Matrix:
    """Read a matrix of samples in rows and features in columns; `transpose` if the file has them the other way.

    Args:
        path: .csv, .tsv, .txt (each also .gz; the separator is read off the header), .parquet, .h5ad or .zarr
            (AnnData), or counts of 10x Genomics: .mtx with its lists of names beside it, the folder of these, or .h5.
        transpose: whether the file holds features in rows.

    Returns:
        float64 values with NaN where missing.

    Raises:
        FormatError: empty, truncated, ragged, or a cell that is no number, named by row and column.
        InputError: ids that repeat, infinite values, no such file.
    """
    if suffix_of(path) in (".h5ad", ".zarr"):
        from chiasma.io.containers import read_h5ad

        matrix = read_h5ad(path)
    elif is_tenx(path):
        matrix = read_tenx(path)
    elif suffix_of(path) in PARQUET:
        matrix = _matrix_of_columns(path, *_read_parquet(path))
    else:
        matrix = _read_text_matrix(path)
    if transpose:
        matrix = Matrix(np.ascontiguousarray(matrix.values.T), matrix.features, matrix.samples)
    require_unique(list(matrix.samples), what="sample id", where=path)
    require_unique(list(matrix.features), what="feature name", where=path)
    return matrix


def orient(matrix: Matrix, known_samples: Iterable[str]) -> tuple[Matrix, bool]:
    """The matrix with samples in rows, judged by which side shares more ids with `known_samples`; whether it turned."""
    known = set(known_samples)
    rows = sum(name in known for name in matrix.samples)
    columns = sum(name in known for name in matrix.features)
    if columns <= rows:
        return matrix, False
    return Matrix(np.ascontiguousarray(matrix.values.T), matrix.features, matrix.samples), True


def write_matrix(path: Path | str, matrix: Matrix) -> None:
    """Write .csv, .tsv, .txt (each also .gz) or .parquet, exactly: reading it gives the same numbers."""
    if suffix_of(path) in PARQUET:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [pa.array([str(name) for name in matrix.samples], type=pa.string())]
        columns += [pa.array(column, type=pa.float64(), from_pandas=False) for column in matrix.values.T]
        table = pa.Table.from_arrays(columns, names=["id", *[str(name) for name in matrix.features]])
        with atomic_write(path, "wb") as handle:
            pq.write_table(table, handle)
        return
    rows = (
        [str(name), *("NA" if np.isnan(value) else repr(float(value)) for value in values)]
        for name, values in zip(matrix.samples, matrix.values)
    )
    _write_text(path, ["id", *map(str, matrix.features)], rows)


def write_labels(path: Path | str, labels: dict[str, str], *, column: str = "label") -> None:
    """Write a two-column table of sample ids and labels as .csv, .tsv or .txt (each also .gz)."""
    _write_text(path, ["id", column], ([key, value] for key, value in labels.items()))


def read_labels(spec: Path | str) -> dict[str, str]:
    """Read `FILE` or `FILE:COLUMN` as a mapping from sample id to label; samples whose label is missing are left out.

    FILE is .csv, .tsv, .txt (each also .gz) or .parquet with ids in its first column, or .h5ad, .zarr or .h5mu,
    whose obs holds the column. Without COLUMN the table must have one column beside the ids.

    Raises:
        UsageError: no such column, or several to choose from.
        InputError: no such file, repeated ids, no label at all.
    """
    path, column = split_column(spec)
    if suffix_of(path) in CONTAINERS:
        from chiasma.io.containers import read_obs

        table = read_obs(path)
        ids, columns = table.pop(""), table
    elif suffix_of(path) in PARQUET:
        ids, columns = _read_parquet(path)
    else:
        header, rows = _read_text(path)
        ids = [row[0] for row in rows]
        require_unique(header[1:], what="column name", where=path)
        columns = {name: [row[index] for row in rows] for index, name in enumerate(header) if index}
    if column is None:
        if len(columns) != 1:
            raise UsageError(
                "several columns could be the label",
                where=path,
                got=list_some(columns) or "no column beside the ids",
                do=f"choose one: {path}:COLUMN",
            )
        column = next(iter(columns))
    if column not in columns:
        raise unknown_name(f"column of {path}", column, columns)
    require_unique([str(key) for key in ids], what="sample id", where=path)
    labels = {str(key): str(value) for key, value in zip(ids, columns[column]) if not _is_missing(value)}
    if not labels:
        raise InputError("no sample has a label", where=f"{path}:{column}", do="name another column: FILE:COLUMN")
    return labels


def split_column(spec: Path | str) -> tuple[Path, str | None]:
    """`FILE:COLUMN` taken apart at the first colon whose left side is a file; FILE alone has no column."""
    text = str(spec)
    if Path(text).exists():
        return Path(text), None
    for place in (index for index, letter in enumerate(text) if letter == ":"):
        path = Path(text[:place])
        if path.is_file() or (path.suffix == ".zarr" and path.is_dir()):
            return path, text[place + 1 :]
    raise InputError("no such file", where=text.split(":")[0], do="check the path; a column is given as FILE:COLUMN")


def _is_missing(value: Any) -> bool:
    return value is None or str(value).strip() in MISSING


def _read_text_matrix(path: Path | str) -> Matrix:
    header, rows = _read_text(path)
    values = np.empty((len(rows), len(header) - 1))
    for index, row in enumerate(rows):
        cells = row[1:]
        try:
            if any("_" in cell for cell in cells):  # float() would read 1_000
                raise ValueError
            values[index] = [float(cell) for cell in cells]
        except ValueError:
            values[index] = [_number(cell, path, row[0], header[column + 1]) for column, cell in enumerate(cells)]
    ids = [row[0] for row in rows]
    _refuse_infinite(values, path, ids, header[1:])
    return Matrix(values, np.asarray(ids, dtype=object), np.asarray(header[1:], dtype=object))


def _number(cell: str, path: Path | str, row: str, column: str) -> float:
    text = cell.strip()
    if text in MISSING:
        return float("nan")
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError as error:
        raise FormatError(
            "not a number",
            where=f"{path}: row {row}, column {column}",
            got=repr(cell),
            expected="a number, or NA or an empty cell where missing",
            do="remove columns that are not measurements; labels go in a file of their own",
        ) from error


def _refuse_infinite(values: np.ndarray, path: Path | str, ids: list[str], names: list[str]) -> None:
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise InputError(
            f"{int(np.isinf(values).sum())} infinite values",
            where=f"{path}: row {ids[row]}, column {names[column]}",
            got=values[row, column],
            do="replace them, or mark them as missing (NA)",
        )


def _read_text(path: Path | str) -> tuple[list[str], list[list[str]]]:
    """Header with one name a column (the ids' name first) and rows of equal length."""
    text = _decompressed(path)
    first = text.partition("\n")[0]
    delimiter = max("\t,;", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = next(lines)
    rows: list[list[str]] = []
    widths: dict[int, int] = {}
    for row in lines:
        if row:
            rows.append(row)
            widths.setdefault(len(row), lines.line_num)
    if not rows:
        raise FormatError("a header line and nothing below it", where=path, expected="one line a sample")
    if set(widths) == {len(header) + 1}:  # R's write.table leaves out the cell above the row names
        header = ["id", *header]
    for width, line in widths.items():
        if width != len(header):
            raise FormatError(
                "lines of different length",
                where=f"{path}: line {line}",
                got=f"{width} fields",
                expected=f"{len(header)} fields, as in the header",
                do="check that the file is whole and its separator never occurs inside a name",
            )
    if len(header) < 2:
        raise FormatError(
            "only one column",
            where=path,
            got=first[:60],
            expected="ids in the first column and further columns, separated by comma, tab or semicolon",
        )
    return header, rows


def _decompressed(path: Path | str) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("not text", where=path, got=error, expected="CSV or TSV in UTF-8") from error


def _read_parquet(path: Path | str) -> tuple[list[str], dict[str, list[Any]]]:
    """Ids and the other columns; the ids are pandas' index where it was written, else the first column."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError(
            "not a readable Parquet file", where=path, got=str(error)[:200], do="write it anew"
        ) from error
    written = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in written.get("index_columns", []) if isinstance(name, str)]
    names = table.column_names
    key = index[0] if index and index[0] in names else (names[0] if names else None)
    if key is None or len(names) < 2 or not table.num_rows:
        raise FormatError(
            "no rows, or no columns beside the ids", where=path, expected="a column of ids and one of values"
        )
    columns = {name: table.column(place).to_pylist() for place, name in enumerate(names) if name != key}
    return [str(value) for value in table.column(key).to_pylist()], columns


def _matrix_of_columns(path: Path | str, ids: list[str], columns: dict[str, list[Any]]) -> Matrix:
    values = np.empty((len(ids), len(columns)))
    for place, (name, column) in enumerate(columns.items()):
        try:
            values[:, place] = [float("nan") if value is None else float(value) for value in column]
        except (TypeError, ValueError):
            for key, value in zip(ids, column):
                _number("" if value is None else str(value), path, key, name)
            values[:, place] = [_number("" if v is None else str(v), path, key, name) for key, v in zip(ids, column)]
    _refuse_infinite(values, path, ids, list(columns))
    return Matrix(values, np.asarray(ids, dtype=object), np.asarray(list(columns), dtype=object))


def _write_text(path: Path | str, header: list[str], rows: Iterable[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    delimiter = "," if suffix_of(path) == ".csv" else "\t"
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    raw = buffer.getvalue().encode()
    with atomic_write(path, "wb") as handle:
        handle.write(gzip.compress(raw, mtime=0) if str(path).endswith(".gz") else raw)
