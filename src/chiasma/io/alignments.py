"""Alignments of two genomes: UCSC chains and nets, and PAF as minimap2 writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.errors import FormatError
from chiasma.data.alignment import Alignment
from chiasma.data.intervals import make_intervals
from chiasma.io.textfile import read_lines

GAP = 1_000
"""Unaligned bases within a chain that end a stretch."""

_Pair = tuple[str, int, int, str, int, int, int]
"""Contig, start, end of the first genome; of the second; strand."""


def read_alignment(path: Path | str) -> Alignment:
    """Aligned stretches of a file, plain or gzip, told by its first line.

    Args:
        path: a chain or net (the first genome is the target, or reference, the second the query), or PAF (the first is
            the target, columns 6 to 9).

    Raises:
        InputError: absent. FormatError: none of these, or a line that does not fit; it is named.
    """
    lines = ((number, text) for number, text in read_lines(path) if not text.startswith("#"))
    number, first = next(lines, (0, ""))
    word = first.split()[0] if first else ""
    lengths: tuple[dict[str, int], dict[str, int]] = ({}, {})
    readers = {"chain": _chain, "net": _net}
    kind = word if word in readers else "paf"

    def whole() -> Iterator[tuple[int, str]]:
        yield number, first
        yield from lines

    place = [number]
    try:
        pairs = list(readers.get(kind, _paf)(_counted(whole(), place), lengths))
    except (ValueError, IndexError) as error:
        raise FormatError(
            "not an alignment of two genomes",
            where=f"{path}, line {place[0]}",
            got=error,
            expected="a UCSC chain or net, or PAF, plain or gzip",
        ) from error
    if not pairs:
        raise FormatError("no aligned stretch", where=path, expected="a UCSC chain or net, or PAF")
    columns = [np.array(column, dtype=object if isinstance(column[0], str) else np.int64) for column in zip(*pairs)]
    alignment = Alignment(
        make_intervals(*columns[:3]), make_intervals(*columns[3:6], strand=columns[6]), lengths[0], lengths[1]
    )
    require_valid(alignment, where=path, do="make the alignment again")
    return alignment


def _counted(lines: Iterator[tuple[int, str]], place: list[int]) -> Iterator[list[str]]:
    """Words of each line; `place` holds the number of the line that is being read."""
    for number, text in lines:
        place[0] = number
        yield text.split()


_Lengths = tuple[dict[str, int], dict[str, int]]


def _chain(lines: Iterator[list[str]], lengths: _Lengths) -> Iterator[_Pair]:
    """Runs of blocks without a gap above `GAP`; the query of a minus strand counts from the contig's end."""
    chrom = other = ""
    strand, size, at, to = 1, 0, 0, 0
    begin = (0, 0)
    for words in lines:
        if words[0] == "chain":
            chrom, other, size = words[2], words[7], int(words[8])
            lengths[0][chrom], lengths[1][other] = int(words[3]), size
            strand, at, to = -1 if words[9] == "-" else 1, int(words[5]), int(words[10])
            begin = (at, to)
            continue
        block, *gaps = (int(word) for word in words)
        at, to = at + block, to + block
        if not gaps or max(gaps) > GAP:
            first, last = (begin[1], to) if strand > 0 else (size - to, size - begin[1])
            yield chrom, begin[0], at, other, first, last, strand
        if gaps:
            at, to = at + gaps[0], to + gaps[1]
            begin = (at, to) if max(gaps) > GAP else begin


def _net(lines: Iterator[list[str]], lengths: _Lengths) -> Iterator[_Pair]:
    """Every fill, those within the gaps of others too."""
    chrom = ""
    for words in lines:
        if words[0] == "net":
            chrom = words[1]
            lengths[0][chrom] = int(words[2])
        elif words[0] == "fill":
            start, size, first, length = (int(words[column]) for column in (1, 2, 5, 6))
            yield chrom, start, start + size, words[3], first, first + length, -1 if words[4] == "-" else 1
        elif words[0] != "gap":
            raise ValueError(f"{words[0]!r} in a net")


def _paf(lines: Iterator[list[str]], lengths: _Lengths) -> Iterator[_Pair]:
    for words in lines:
        if words[4] not in "+-":
            raise ValueError(f"{words[4]!r} for a strand")
        lengths[0][words[5]], lengths[1][words[0]] = int(words[6]), int(words[1])
        strand = -1 if words[4] == "-" else 1
        yield words[5], int(words[7]), int(words[8]), words[0], int(words[2]), int(words[3]), strand
