"""BED3 to BED12 and narrowPeak."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.core.files import atomic_write
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.io.textfile import read_lines

_STRANDS = {"+": 1, "-": -1, ".": 0, "": 0}
_SIGNS = {1: "+", -1: "-", 0: "."}
_BEDGRAPH_SUFFIXES = (".bedgraph", ".bdg", ".bg")
_NOT_DATA = ("#", "track", "browser")
_HEADINGS = {"chrom", "chr", "chromosome", "#chrom", "seqnames"}
_NARROWPEAK = ("signal", "p_value", "q_value")


def read_bed(path: Path | str) -> Intervals:
    """Read BED (3 to 12 columns) or narrowPeak, plain or gzip; `-` is standard input.

    Comment, track and browser lines and a line of headings are passed over. Names are column 4 where it names every
    interval once, otherwise coordinates, numbered where the same place stands twice. Columns of the result: `score`
    (BED column 5), and of narrowPeak `signal`, `p_value`, `q_value` (-log10) and `summit`, a 0-based position on the
    contig, -1 where none was called.

    Raises:
        InputError: absent or unreadable.
        FormatError: a line is not BED, or the file is bedGraph; names the line.
    """
    rows, lines = _rows(path)
    if not rows:
        raise FormatError("no intervals in the file", where=path, expected="chrom, start, end, separated by tabs")
    width = len(rows[0])
    start, end = _integers(rows, lines, 1, path), _integers(rows, lines, 2, path)
    _check_order(start, end, lines, path)
    _refuse_bedgraph(rows, path)
    names = [row[3] for row in rows] if width > 3 else []
    strand = _strands(rows, lines, path) if width > 5 else None
    columns = _columns(rows, start, width)
    chrom = [row[0] for row in rows]
    if len(set(names)) != len(rows) or "." in names:
        names = _places(chrom, start, end)
    return make_intervals(chrom, start, end, strand=strand, names=names, columns=columns)


def write_bed(path: Path | str, intervals: Intervals) -> None:
    """Write BED6, gzip where the name ends in .gz; the score is the column `score`, or 0.

    Raises:
        RunError: the place cannot be written.
    """
    score = intervals.columns.get("score", np.zeros(len(intervals)))
    fields = zip(intervals.chrom, intervals.start, intervals.end, intervals.names, score, intervals.strand, strict=True)
    text = "".join(f"{c}\t{s}\t{e}\t{n}\t{v:.10g}\t{_SIGNS[int(d)]}\n" for c, s, e, n, v, d in fields)
    raw = text.encode()
    with atomic_write(path, "wb") as handle:
        handle.write(gzip.compress(raw, mtime=0) if str(path).endswith(".gz") else raw)


def _rows(path: Path | str) -> tuple[list[list[str]], list[int]]:
    if str(path).removesuffix(".gz").lower().endswith(_BEDGRAPH_SUFFIXES):
        raise _bedgraph(path)
    rows: list[list[str]] = []
    lines: list[int] = []
    for number, line in read_lines(path):
        if line.startswith(_NOT_DATA):
            if line.startswith("track") and "bedgraph" in line.lower():
                raise _bedgraph(path)
            continue
        row = line.rstrip("\n").split("\t") if "\t" in line else line.split()
        if not rows and len(row) > 2 and row[0].lower() in _HEADINGS and not row[1].isdigit():
            continue
        if len(row) < 3 or (rows and len(row) < len(rows[0])):
            raise FormatError(
                "not a BED line",
                where=f"{path}, line {number}",
                got=f"{len(row)} columns: {line[:80]!r}",
                expected=f"{len(rows[0]) if rows else '3 to 12'} columns separated by tabs: chrom, start, end, ...",
                do="check the file; a set of sequences belongs in FASTA, annotation in GFF",
            )
        rows.append(row)
        lines.append(number)
    return rows, lines


def _bedgraph(path: Path | str) -> FormatError:
    return FormatError(
        "this is bedGraph, a signal and not a set of intervals",
        where=path,
        expected="BED or narrowPeak",
        do="call peaks on it, or keep the stretches above a threshold and write their first three columns",
    )


def _integers(rows: list[list[str]], lines: list[int], column: int, path: Path | str) -> np.ndarray:
    try:
        return np.array([int(row[column]) for row in rows], np.int64)
    except (ValueError, OverflowError):
        bad = next(i for i, row in enumerate(rows) if not row[column].strip().lstrip("-").isdigit())
        raise FormatError(
            "a coordinate is not an integer",
            where=f"{path}, line {lines[bad]}, column {column + 1}",
            got=repr(rows[bad][column]),
            expected="a 0-based position",
            do="check that the file is BED",
        ) from None


def _check_order(start: np.ndarray, end: np.ndarray, lines: list[int], path: Path | str) -> None:
    bad = np.flatnonzero((start < 0) | (end <= start))
    if len(bad):
        first = int(bad[0])
        raise FormatError(
            f"{len(bad)} intervals are empty, reversed or negative",
            where=f"{path}, line {lines[first]}",
            got=f"start {start[first]}, end {end[first]}",
            expected="0 <= start < end",
            do="remove these lines or exchange the columns",
        )


def _refuse_bedgraph(rows: list[list[str]], path: Path | str) -> None:
    if len(rows[0]) != 4:
        return
    values = [row[3] for row in rows[:1000]]
    if all(_number(value) is not None for value in values) and any("." in v or "e" in v.lower() for v in values):
        raise _bedgraph(path)


def _strands(rows: list[list[str]], lines: list[int], path: Path | str) -> list[int]:
    strands = []
    for row, number in zip(rows, lines, strict=True):
        if row[5] not in _STRANDS:
            raise FormatError(
                "not a strand", where=f"{path}, line {number}, column 6", got=row[5], expected="+, - or ."
            )
        strands.append(_STRANDS[row[5]])
    return strands


def _columns(rows: list[list[str]], start: np.ndarray, width: int) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    if width > 4:
        scores = [_number(row[4]) for row in rows]
        if None not in scores:
            columns["score"] = np.array(scores, float)
    if width != 10:
        return columns
    tail = [[_number(row[column]) for row in rows] for column in range(6, 10)]
    if any(None in values for values in tail) or not all(value == int(value or 0) for value in tail[3]):  # type: ignore[arg-type]
        return columns
    for name, values in zip(_NARROWPEAK, tail[:3], strict=True):
        columns[name] = np.array(values, float)
    offset = np.array(tail[3], float).astype(np.int64)
    columns["summit"] = np.where(offset >= 0, start + offset, -1)
    return columns


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _places(chrom: list[str], start: np.ndarray, end: np.ndarray) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for c, s, e in zip(chrom, start.tolist(), end.tolist(), strict=True):
        place = f"{c}:{s}-{e}"
        seen[place] = seen.get(place, 0) + 1
        names.append(place if seen[place] == 1 else f"{place}#{seen[place]}")
    return names
