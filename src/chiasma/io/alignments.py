"""Alignments of two genomes: UCSC chains and nets, and PAF as minimap2 writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


def _counted(lines: Iterator[tuple[int, str]], place: list[int]) -> Iterator[str]:
    """Each line; `place` holds the number of the one that is being read."""
    for number, text in lines:
        place[0] = number
        yield text


_Lengths = tuple[dict[str, int], dict[str, int]]


def _chain(lines: Iterator[str], lengths: _Lengths) -> Iterator[_Pair]:
    """Runs of blocks without a gap above `GAP`; the query of a minus strand counts from the contig's end."""
    chrom = other = ""
    strand, size, at, to = 1, 0, 0, 0
    begin = (0, 0)
    for words in map(str.split, lines):
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


@dataclass
class _Fill:
    """A fill of a net whose gaps are being read; places are (target, query), the query's on the plus strand.

    Attributes:
        depth: spaces before it.
        other: contig of the query.
        strand: of the query, 1 or -1; along a fill of -1 the query's places fall.
        end: where it ends.
        begin: where its next stretch begins.
        mark: how far it was read, the end of the last gap.
    """

    depth: int
    other: str
    strand: int
    end: tuple[int, int]
    begin: tuple[int, int]
    mark: tuple[int, int]

    def reach(self, chrom: str, place: tuple[int, int]) -> Iterator[_Pair]:
        """Read on to the next gap, or the end.

        A net lists gaps of the target. Where one side is longer by more than `GAP` nonetheless, the other lacks bases
        there, and the net does not say where: what is aligned is given twice, as if it came first and as if last.
        """
        here, there = place[0] - self.mark[0], (place[1] - self.mark[1]) * self.strand
        if here < 0 or there < 0:
            raise ValueError("a gap outside its fill, or before another")
        if abs(here - there) > GAP:
            yield from self.cut(chrom)
            both = min(here, there)
            for at, to in (self.mark, (place[0] - both, place[1] - both * self.strand)):
                yield from self._stretch(chrom, (at, to), (at + both, to + both * self.strand))
            self.begin = place
        self.mark = place

    def cut(self, chrom: str) -> Iterator[_Pair]:
        """The stretch that ends where it was read to."""
        yield from self._stretch(chrom, self.begin, self.mark)

    def _stretch(self, chrom: str, begin: tuple[int, int], end: tuple[int, int]) -> Iterator[_Pair]:
        if begin[0] < end[0] and begin[1] != end[1]:
            yield chrom, begin[0], end[0], self.other, min(begin[1], end[1]), max(begin[1], end[1]), self.strand


def _net(lines: Iterator[str], lengths: _Lengths) -> Iterator[_Pair]:
    """Every fill, those within the gaps of others too, cut where a gap of its own is above `GAP` in either genome.

    A gap is of the fill that it is indented below.
    """
    chrom, fills = "", list[_Fill]()
    for text in lines:
        depth, words = len(text) - len(text.lstrip(" ")), text.split()
        while fills and (fills[-1].depth >= depth or words[0] == "net"):
            yield from _closed(fills.pop(), chrom)
        if words[0] == "net":
            chrom = words[1]
            lengths[0][chrom] = int(words[2])
            continue
        if words[0] not in ("fill", "gap"):
            raise ValueError(f"{words[0]!r} in a net")
        start, size, first, length = (int(words[column]) for column in (1, 2, 5, 6))
        strand = fills[-1].strand if words[0] == "gap" and fills else -1 if words[4] == "-" else 1
        one, other = (first, first + length)[::strand]
        if words[0] == "fill":
            fills.append(_Fill(depth, words[3], strand, (start + size, other), (start, one), (start, one)))
        elif not fills:
            raise ValueError("a gap that is not indented below a fill")
        else:
            yield from fills[-1].reach(chrom, (start, one))
            if max(size, length) > GAP:
                yield from fills[-1].cut(chrom)
                fills[-1].begin = (start + size, other)
            fills[-1].mark = (start + size, other)
    while fills:
        yield from _closed(fills.pop(), chrom)


def _closed(fill: _Fill, chrom: str) -> Iterator[_Pair]:
    yield from fill.reach(chrom, fill.end)
    yield from fill.cut(chrom)


def _paf(lines: Iterator[str], lengths: _Lengths) -> Iterator[_Pair]:
    for words in map(str.split, lines):
        if words[4] not in "+-":
            raise ValueError(f"{words[4]!r} for a strand")
        lengths[0][words[5]], lengths[1][words[0]] = int(words[6]), int(words[1])
        strand = -1 if words[4] == "-" else 1
        yield words[5], int(words[7]), int(words[8]), words[0], int(words[2]), int(words[3]), strand
