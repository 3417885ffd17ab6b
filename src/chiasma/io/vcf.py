"""VCF and BCF to haplotypes: one region, one parser for plain, gzip, bgzip and binary files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.io.sites import (
    ABSENT,
    HaplotypeRead,
    Region,
    SampleTable,
    SiteColumns,
    SiteRules,
    choose_samples,
    match_contig,
    parse_region,
)
from chiasma.io.textfile import open_bytes

Line = tuple[str, bytes]
"""Where a line stands ("line 12", "2:136401418") and the line itself."""

_N_FIXED = 9
_ZERO, _DOT, _SLASH, _TAB = ord("0"), ord("."), ord("/"), ord("\t")


def read_vcf(
    path: Path | str,
    *,
    region: str | Region | None = None,
    samples: SampleTable | Sequence[str] | None = None,
    populations: Sequence[str] | None = None,
    rules: SiteRules = SiteRules(),  # noqa: B008
) -> HaplotypeRead:
    """Read one contig, or a part of it, as haplotypes.

    Args:
        path: VCF (plain, gzip, bgzip) or BCF; an index beside it is used when a region is asked for.
        region: `CONTIG:FIRST-LAST` as tabix writes it, or a 0-based Region; may be left out for a file of one contig.
        samples: names to keep, or a table of names and populations.
        populations: populations of the table to keep, in this order.
        rules: which sites to keep.

    Raises:
        FormatError: truncated, unsorted (the line is named), no samples, no genotypes, mixed ploidy.
        MismatchError: no such contig or sample. InsufficientDataError: no site is left.
    """

    def columns(in_file: Sequence[str]) -> SiteColumns:
        chosen = choose_samples(in_file, samples=samples, populations=populations, where=path)
        return SiteColumns(path, chosen, rules)

    return _fill(path, parse_region(region), columns).finish()


def fill_columns(path: Path | str, wanted: Region | None, columns: Callable[[Sequence[str]], SiteColumns]) -> None:
    """Give the sites of a region to columns made from the names of the file's samples; there may be none.

    Raises:
        FormatError, MismatchError: as in `read_vcf`.
    """
    _fill(path, wanted, columns)


def _fill(path: Path | str, wanted: Region | None, columns: Callable[[Sequence[str]], SiteColumns]) -> _Reader:
    with _open(path, wanted) as (header, lines):
        reader = _Reader(path, header, wanted, columns(header.samples))
        for where, line in lines:
            if not reader.take(where, line):
                break
    return reader


@dataclass(frozen=True)
class _Header:
    samples: list[str]
    lengths: dict[str, int]


def _parse_header(lines: Sequence[str], path: Path | str) -> _Header:
    lengths = {}
    for line in lines:
        if line.startswith("##contig="):
            name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
            if name and length:
                lengths[name[1]] = int(length[1])
    if not lines or not lines[-1].startswith("#CHROM"):
        raise FormatError("no #CHROM line", where=path, expected="a VCF or BCF file")
    return _Header(lines[-1].rstrip("\r\n").split("\t")[_N_FIXED:], lengths)


def _has_index(path: Path | str) -> bool:
    return any(Path(f"{path}{suffix}").exists() for suffix in (".tbi", ".csi"))


@contextmanager
def _open(path: Path | str, wanted: Region | None) -> Iterator[tuple[_Header, Iterator[Line]]]:
    """The header and the lines of a file, those of the region only where an index allows it."""
    with open_bytes(path) as handle:
        head = handle.read(4)
    if head[:3] == b"BCF":
        yield _open_binary(path, wanted)
    elif wanted is not None and _has_index(path):
        yield _open_indexed(path, wanted)
    else:
        with open_bytes(path) as handle:
            yield _read_text(iter(handle), path)


def _read_text(handle: Iterator[bytes], path: Path | str) -> tuple[_Header, Iterator[Line]]:
    head: list[str] = []
    for line in handle:
        head.append(line.decode("utf-8", "replace"))
        if not line.startswith(b"##"):
            break
    header = _parse_header(head, path)
    return header, ((f"line {place}", line) for place, line in enumerate(handle, start=len(head) + 1))


def _open_indexed(path: Path | str, wanted: Region) -> tuple[_Header, Iterator[Line]]:
    import pysam

    table = pysam.TabixFile(str(path), encoding="utf-8")
    header = _parse_header(list(table.header), path)
    contig = match_contig(wanted.contig, table.contigs, where=path)
    return header, (("", line.encode()) for line in table.fetch(contig, wanted.start, wanted.end))


def _open_binary(path: Path | str, wanted: Region | None) -> tuple[_Header, Iterator[Line]]:
    import pysam

    file = pysam.VariantFile(str(path))
    header = _parse_header(str(file.header).splitlines(), path)
    if wanted is not None and _has_index(path):
        contig = match_contig(wanted.contig, [str(name) for name in file.header.contigs], where=path)
        return header, (("", str(record).encode()) for record in file.fetch(contig, wanted.start, wanted.end))
    return header, ((f"record {place}", str(record).encode()) for place, record in enumerate(file, start=1))


@dataclass
class _Reader:
    """Collects the columns of one contig, line by line."""

    path: Path | str
    header: _Header
    wanted: Region | None
    sites: SiteColumns
    last: int = -1
    others: list[str] = field(default_factory=list)

    def take(self, where: str, line: bytes) -> bool:
        """Use one line; False once the region is behind."""
        fields = line.rstrip(b"\r\n").split(b"\t", _N_FIXED)
        if fields == [b""]:
            return True
        where = f"{self.path}, {where or b':'.join(fields[:2]).decode()}"
        if len(fields) < _N_FIXED + 1 or not fields[1].isdigit():
            raise FormatError(
                "not a VCF line with genotypes", where=where, got=line[:60], expected="10 or more fields, POS a number"
            )
        contig, position = fields[0].decode(), int(fields[1]) - 1
        if not self._on_contig(contig, where):
            return not self.sites.positions or self.wanted is None
        if position < self.last:
            raise FormatError(
                "positions are not sorted",
                where=where,
                got=f"{contig}:{position + 1} after {contig}:{self.last + 1}",
                do="sort it: bcftools sort -Oz -o SORTED.vcf.gz FILE",
            )
        self.last = position
        if self.wanted is not None:
            if position < self.wanted.start:
                return True
            if self.wanted.end is not None and position >= self.wanted.end:
                return False
        self._add(fields, position, where)
        return True

    def _on_contig(self, contig: str, where: str) -> bool:
        if contig == self.sites.contig:
            return True
        if contig in self.others:
            if self.wanted is None:
                raise FormatError("a contig comes back after another one", where=where, got=contig, do="sort the file")
            return False
        if self.wanted is not None:
            try:
                match_contig(self.wanted.contig, [contig], where=self.path)
            except MismatchError:
                self.others.append(contig)
                return False
        elif self.sites.contig:
            raise InputError(
                "the file has several contigs",
                where=where,
                got=f"{self.sites.contig}, {contig}",
                expected="one contig",
                do=f"ask for one: --region {self.sites.contig}",
            )
        self.sites.contig = contig
        return True

    def _add(self, fields: list[bytes], position: int, where: str) -> None:
        alleles = [fields[3].decode(), *fields[4].decode().split(",")]
        wanted = self.sites.judge(alleles, position, passed=fields[6] in (b"PASS", b"."))
        if not wanted:
            return
        genotypes, unphased = self._genotypes(fields[8], fields[9], where)
        if genotypes.max(initial=-1) >= len(alleles):
            raise FormatError(
                "a genotype names an allele that the line does not have",
                where=where,
                got=int(genotypes.max()),
                expected=f"at most {len(alleles) - 1}",
            )
        self.sites.add(genotypes, position, wanted=wanted, unphased=unphased)

    def _genotypes(self, format_: bytes, text: bytes, where: str) -> tuple[np.ndarray, int]:
        """Allele indices (sample, ploidy) of the chosen samples, and how many heterozygotes are unphased."""
        parsed = _fast_genotypes(text, len(self.header.samples)) if format_ == b"GT" else None
        if parsed is None:
            parsed = _slow_genotypes(format_, text, len(self.header.samples), where)
        genotypes, slashed = (table[self.sites.chosen.index] for table in parsed)
        genotypes = self.sites.same_ploidy(genotypes, where)
        if not slashed.any():  # the usual case, and reductions over two alleles a sample are dear
            return genotypes, 0
        unphased = slashed & (genotypes != genotypes[:, :1]).any(axis=1)
        return genotypes, int(unphased.sum())

    def finish(self) -> HaplotypeRead:
        """The haplotypes read."""
        if not self.sites.contig and self.wanted is not None and self.others:
            match_contig(self.wanted.contig, self.others, where=self.path)
        known = self.header.lengths.get(self.sites.contig)
        self.sites.contig_length = known
        last = self.sites.positions[-1] if self.sites.positions else -1
        length = known or last + 1
        start, end = (self.wanted.start, self.wanted.end or length) if self.wanted else (0, length)
        end = min(end, known) if known else end
        if last >= end:
            raise MismatchError("a site beyond the end of the contig", where=self.path, got=last + 1, expected=end)
        return self.sites.read(start=start, end=end)


def _fast_genotypes(text: bytes, n_samples: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Genotypes of one width and one digit an allele, read as a block; None where a line is not of that form."""
    width, rest = divmod(len(text) + 1, n_samples)
    if rest or width % 2:
        return None
    block = np.frombuffer(text + b"\t", np.uint8).reshape(n_samples, width)
    codes = block[:, 0::2]
    digits = (codes >= _ZERO) & (codes <= _ZERO + 9)
    inner = block[:, 1:-1:2]
    if not ((block[:, -1] == _TAB).all() and (digits | (codes == _DOT)).all() and not (inner == _TAB).any()):
        return None
    genotypes = np.where(digits, codes.astype(np.int8) - _ZERO, -1)
    slashes = inner == _SLASH
    return genotypes, slashes.any(axis=1) if slashes.any() else np.zeros(n_samples, bool)


def _slow_genotypes(format_: bytes, text: bytes, n_samples: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Genotypes of any form, one by one; alleles a sample lacks (lower ploidy) are ABSENT."""
    keys = format_.split(b":")
    if b"GT" not in keys:
        raise FormatError("no genotypes (GT)", where=where, got=format_.decode(), expected="GT in the FORMAT column")
    place = keys.index(b"GT")
    cells = text.split(b"\t")
    if len(cells) != n_samples:
        raise FormatError("wrong number of samples", where=where, got=len(cells), expected=n_samples)
    parts = []
    for cell in cells:
        values = cell.split(b":")
        parts.append(values[place] if place < len(values) else b".")
    alleles = [re.split(rb"[|/]", part) for part in parts]
    table = np.full((n_samples, max(map(len, alleles))), ABSENT, np.int64)
    try:
        for row, names in enumerate(alleles):
            table[row, : len(names)] = [-1 if name == b"." else int(name) for name in names]
    except ValueError as error:
        raise FormatError("not a genotype", where=where, got=error, expected="alleles as in 0|1, ./. or 0") from error
    return table, np.array([b"/" in part for part in parts])
