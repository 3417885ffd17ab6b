"""Variants as a VCF lists them: places and alleles, without genotypes; files without a header are read too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.io.textfile import open_bytes

_LEAST, _ALT, _INFO = 5, 4, 7
"""Columns that a line must have (CHROM POS ID REF ALT), and where ALT and INFO stand."""


@dataclass(frozen=True, eq=False)
class VariantRecords:
    """The lines of a VCF.

    Attributes:
        path: the file.
        header: its lines that begin with ##.
        columns: its #CHROM line; empty where there is none.
        chrom, ids, ref, alt: text as in the file, ALT alleles still joined by commas (record,).
        position: 0-based (record,).
        contigs: lengths that the header gives, by name.
    """

    path: str
    header: tuple[str, ...]
    columns: str
    chrom: np.ndarray
    position: np.ndarray
    ids: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    contigs: dict[str, int]

    def __len__(self) -> int:
        return len(self.position)

    @property
    def is_sorted(self) -> bool:
        """Whether each contig's lines stand together, by position, as an index needs them."""
        return bool(np.array_equal(self.order(), np.arange(len(self))))

    def order(self) -> np.ndarray:
        """Lines by contig, in order of first appearance, and position (record,)."""
        names, first, code = np.unique(self.chrom.astype(str), return_index=True, return_inverse=True)
        rank = np.empty(len(names), np.int64)
        rank[np.argsort(first)] = np.arange(len(names))
        return np.lexsort((self.position, rank[code.ravel()]))


def read_variants(path: Path | str) -> VariantRecords:
    """Read a VCF (plain, gzip, bgzip; with or without a header) or BCF.

    Raises:
        FormatError: a line that is no variant, which is named; or no line at all.
    """
    header: list[str] = []
    columns = ""
    rows: list[tuple[str, int, str, str, str]] = []
    with _lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith("##"):
                header.append(line)
            elif line.startswith("#"):
                columns = line
            elif line:
                rows.append(_fields(line, f"{path}, line {number}"))
    if not rows:
        raise FormatError(
            "no variants", where=path, expected="a VCF with at least one line", do="check how it was made"
        )
    chrom, position, ids, ref, alt = zip(*rows, strict=True)
    return VariantRecords(
        path=str(path),
        header=tuple(header),
        columns=columns,
        chrom=np.array(chrom, dtype=object),
        position=np.array(position, np.int64),
        ids=np.array(ids, dtype=object),
        ref=np.array(ref, dtype=object),
        alt=np.array(alt, dtype=object),
        contigs=_contigs(header),
    )


def record_lines(path: Path | str) -> Iterator[list[str]]:
    """The fields of each line once more, in the file's order, with as many columns as a VCF has at least."""
    with _lines(path) as lines:
        for line in lines:
            if line and not line.startswith("#"):
                fields = line.split("\t")
                yield fields + ["."] * (_INFO + 1 - len(fields))


@contextmanager
def _lines(path: Path | str) -> Iterator[Iterator[str]]:
    with open_bytes(path) as handle:
        head = handle.read(3)
    if head == b"BCF":
        import pysam

        with pysam.VariantFile(str(path)) as file:
            yield _binary(file)
        return
    with open_bytes(path) as handle:
        yield (line.decode("utf-8", "replace").rstrip("\r\n") for line in handle)


def _binary(file: object) -> Iterator[str]:
    yield from str(file.header).splitlines()  # type: ignore[attr-defined]
    for record in file:  # type: ignore[attr-defined]
        yield str(record).rstrip("\n")


def _fields(line: str, where: str) -> tuple[str, int, str, str, str]:
    fields = line.split("\t", _LEAST)
    if len(fields) < _LEAST or not fields[1].isdigit() or not fields[0] or not fields[3]:
        raise FormatError(
            "not a variant",
            where=where,
            got=line[:60],
            expected="CHROM POS ID REF ALT ..., separated by tabs, POS a number from 1",
        )
    return fields[0], int(fields[1]) - 1, fields[2], fields[3], fields[_ALT]


def _contigs(header: list[str]) -> dict[str, int]:
    found = {}
    for line in header:
        if line.startswith("##contig="):
            name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
            if name and length:
                found[name[1]] = int(length[1])
    return found
