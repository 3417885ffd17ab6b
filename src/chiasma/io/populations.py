"""Population tables as they come: with or without a header, names first or not, or one list of names a population."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chiasma.core.checks import require_unique
from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError
from chiasma.io.sites import SampleTable, read_sample_table
from chiasma.io.textfile import read_lines

_SAMPLE = ("sample", "sample name", "sample_id", "sampleid", "individual id", "iid", "#iid", "id", "name")
_POPULATION = ("population", "pop", "population code", "superpopulation", "super_pop", "group")


def read_populations(path: Path | str, *, column: str | None = None) -> SampleTable:
    """Read samples and their populations from a table, plain or gzip, separated by tabs, commas or blanks.

    A header is known by its names (sample, IID, Individual ID; pop, population, ...), as in the panel and pedigree
    files of the 1000 Genomes; the first such column of each kind is taken. Without one the first two columns are
    sample and population, as diploS/HIC writes them.

    Args:
        path: the table.
        column: name of the column of populations.

    Raises:
        FormatError: no such columns, a line of another width (it is named). MismatchError: no column of that name.
        InputError: a sample twice.
    """
    lines = list(read_lines(path))
    first = lines[0][1]
    separator = "\t" if "\t" in first else "," if "," in first else None
    rows = [(number, [cell.strip() for cell in line.split(separator)]) for number, line in lines]
    head = [cell.lower() for cell in rows[0][1]]
    if any(cell in _SAMPLE + _POPULATION for cell in head):
        names, groups = _header(head, rows[0][1], column, path)
        rows = rows[1:]
    elif column is not None:
        raise MismatchError("no such column", where=path, got=column, expected="a table with a header")
    else:
        names, groups = 0, 1
    if not rows or len(rows[0][1]) < 2:
        raise FormatError("not a table of samples and populations", where=path, got=first[:80], expected="two columns")
    for number, row in rows:
        if len(row) <= max(names, groups):
            raise FormatError("too few columns", where=f"{path}, line {number}", got=" ".join(row), expected=len(head))
    samples = [row[names] for _, row in rows]
    require_unique(samples, what="sample names", where=path)
    return SampleTable(tuple(samples), tuple(row[groups] for _, row in rows), str(path))


def _header(head: list[str], shown: list[str], column: str | None, path: Path | str) -> tuple[int, int]:
    samples = [place for name in _SAMPLE for place, cell in enumerate(head) if cell == name]
    if column is not None:
        if column not in shown:
            raise MismatchError("no such column", where=path, got=column, expected=", ".join(shown))
        groups = [shown.index(column)]
    else:
        groups = [place for name in _POPULATION for place, cell in enumerate(head) if cell == name]
    if not samples or not groups:
        raise FormatError(
            "no column of samples, or none of populations",
            where=path,
            got=", ".join(shown),
            expected="a header with sample (or IID, Individual ID) and pop (or population)",
        )
    return samples[0], groups[0]


def read_samples(source: Path | str) -> SampleTable:
    """Read what a user names as samples: `FILE` or `FILE:COLUMN`, a table as in `read_populations`, or a list of names.

    A table whose header has no known name is taken to have sample names first, and populations in COLUMN or second.
    """
    path, column = Path(source), None
    if not path.exists() and ":" in str(source):
        text, _, column = str(source).rpartition(":")
        path = Path(text)
    if not path.is_file():
        raise InputError("no such sample table", where=path, do="give FILE or FILE:COLUMN")
    lines = list(read_lines(path))
    if column is None and all(len(line.split()) == 1 and "," not in line for _, line in lines):
        names = [line.strip() for _, line in lines]
        require_unique(names, what="sample names", where=path)
        return SampleTable(tuple(names), ("",) * len(names), str(path))
    first = lines[0][1].lower()
    cells = [cell.strip() for cell in first.split("\t" if "\t" in first else "," if "," in first else None)]
    if not any(cell in _SAMPLE for cell in cells) and (column or any(cell in _POPULATION for cell in cells)):
        return read_sample_table(source)
    return read_populations(path, column=column)


def read_population_lists(paths: Mapping[str, Path | str]) -> SampleTable:
    """Read one file a population, a sample name a line (.indlist, PLINK --keep: the last column is the name).

    Raises:
        UsageError: no population. InputError: a sample in two of them.
    """
    if not paths:
        raise UsageError("no populations", expected="a file of sample names for each")
    samples: list[str] = []
    groups: list[str] = []
    for group, path in paths.items():
        names = [line.split()[-1] for _, line in read_lines(path)]
        samples += names
        groups += [group] * len(names)
    source = ", ".join(map(str, paths.values()))
    require_unique(samples, what="sample names", where=source)
    return SampleTable(tuple(samples), tuple(groups), source)
