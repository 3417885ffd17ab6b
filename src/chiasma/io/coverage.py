"""Coverage by base of stretches of a genome, from bigWig, bedGraph, BED or narrowPeak."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.data.contigs import bare_contig
from chiasma.io.bed import read_bed
from chiasma.io.bigwig import BIGWIG_SUFFIXES
from chiasma.io.genome import Genome


class Coverage(Protocol):
    """A track open for reading."""

    contigs: dict[str, int | None]
    """Contigs it has, by bare name, with their lengths where the file tells."""

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Value of each base, float32 (base,); 0 where the file says nothing."""
        ...


@contextmanager
def open_coverage(path: Path | str) -> Iterator[Coverage]:
    """A track of any format: bigWig by its suffix; narrowPeak with its signal; BED counts the intervals on a base.

    Raises:
        InputError: absent. FormatError: not such a file.
    """
    if not Path(path).exists():
        raise InputError("no such file", where=path, do="check the path of the track")
    if str(path).lower().endswith(BIGWIG_SUFFIXES):
        import pyBigWig

        try:
            handle = pyBigWig.open(str(path))
        except RuntimeError as error:
            raise FormatError(
                "not a bigWig file", where=path, got=error, expected="bigWig, BED or narrowPeak"
            ) from error
        try:
            if not handle.isBigWig():
                raise FormatError("not a bigWig file", where=path, expected="bigWig, BED or narrowPeak")
            yield _BigWig(handle)
        finally:
            handle.close()
        return
    yield _Peaks(path)


class _BigWig:
    def __init__(self, handle: object) -> None:
        self._handle: object = handle
        chroms: dict[str, int] = handle.chroms()  # type: ignore[attr-defined]
        self._names = {bare_contig(name): name for name in chroms}
        self.contigs: dict[str, int | None] = {bare_contig(name): size for name, size in chroms.items()}

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        found = self._handle.values(self._names[bare_contig(chrom)], start, end, numpy=True)  # type: ignore[attr-defined]
        return np.nan_to_num(found, nan=0.0)


class _Peaks:
    """Intervals whose values are added where they overlap."""

    def __init__(self, path: Path | str) -> None:
        intervals = read_bed(path)
        weight = intervals.columns.get("signal", np.ones(len(intervals))).astype(np.float32)
        self._by_contig: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        names = np.array([bare_contig(str(name)) for name in intervals.chrom], dtype=object)
        for name in dict.fromkeys(names):
            here = np.flatnonzero(names == name)
            here = here[np.argsort(intervals.start[here], kind="stable")]
            self._by_contig[name] = (intervals.start[here], intervals.end[here], weight[here])
        self.contigs: dict[str, int | None] = dict.fromkeys(self._by_contig)
        self._longest = int(intervals.lengths.max())

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        begin, stop, weight = self._by_contig[bare_contig(chrom)]
        near = slice(np.searchsorted(begin, start - self._longest), np.searchsorted(begin, end))
        change = np.zeros(end - start + 1, np.float32)
        left = np.clip(begin[near] - start, 0, end - start)
        right = np.clip(stop[near] - start, 0, end - start)
        np.add.at(change, left, weight[near])
        np.add.at(change, right, -weight[near])
        return np.cumsum(change[:-1], dtype=np.float64).astype(np.float32)


def absent_contigs(coverage: Coverage, genome: Genome, names: list[str], *, where: Path | str) -> list[str]:
    """Contigs among `names` that the track does not have.

    Raises:
        MismatchError: it has none of them, or one with another length: another species or build.
    """
    lengths = dict(zip(genome.names, genome.lengths.tolist(), strict=True))
    for name in names:
        size = coverage.contigs.get(bare_contig(name))
        if size is not None and size != lengths[name]:
            raise MismatchError(
                "the track is of another genome build",
                where=where,
                got=f"{name} of {size:,} bases",
                expected=f"{lengths[name]:,}, as in the FASTA",
                do="give the FASTA that the track was made with",
            )
    absent = [name for name in names if bare_contig(name) not in coverage.contigs]
    if len(absent) == len(names):
        raise MismatchError(
            "the track has no contig of the genome",
            where=where,
            got=", ".join(sorted(coverage.contigs)[:4]),
            expected=", ".join(names[:4]),
            do="give the FASTA of the same species and build",
        )
    return absent
