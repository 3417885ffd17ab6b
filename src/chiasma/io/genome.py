"""A genome as a memory-mapped file of one-byte codes: a window is a slice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_unique
from chiasma.core.errors import FormatError, InputError, MismatchError, RunError, list_some
from chiasma.core.files import content_hash, read_json, text_hash, write_json, write_text
from chiasma.data.contigs import bare_contig
from chiasma.data.intervals import Intervals
from chiasma.data.sequences import UNKNOWN, encode, reverse_complement
from chiasma.io.textfile import read_blocks

_CODES = encode(bytes(range(256))).tobytes()
_LOWER = bytes(int(97 <= byte <= 122) for byte in range(256))
_LETTERS = b"ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx-"
_WHITE = b"\r\n \t"
_LAYOUT = 1
"""Version of the cache's layout; a new one makes new folders."""


@dataclass(frozen=True, eq=False)
class Genome:
    """Contigs as codes, one after another.

    Attributes:
        names: contig names as the file has them.
        offsets: where each contig begins in `codes`, and the end of the last (contig + 1,).
        codes: uint8 in 0..4 (base,); usually a read-only memory map.
        masked: soft-masked runs, start and end in `codes` coordinates, sorted (run, 2).
        unknown: runs of N, likewise (run, 2).
        source: the FASTA it was made from.
        notes: what was noticed on the way, for instance contigs matched by another name.
    """

    names: tuple[str, ...]
    offsets: np.ndarray
    codes: np.ndarray
    masked: np.ndarray
    unknown: np.ndarray
    source: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Bases in each contig (contig,)."""
        return np.diff(self.offsets)

    @cached_property
    def _by_name(self) -> tuple[dict[str, int], dict[str, list[int]]]:
        """Index of each contig by its name, and indices by its name without style."""
        styled: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            styled.setdefault(bare_contig(name), []).append(index)
        return {name: index for index, name in enumerate(self.names)}, styled

    def contig_indices(self, chrom: np.ndarray) -> np.ndarray:
        """Index of each named contig, -1 where there is none (interval,).

        Names that differ only in style (chr1, 1, Chr1; chrM, MT, Mito; NC_000913, NC_000913.3) are matched, and
        the first such match is counted in `notes["contigs"]`.

        Raises:
            MismatchError: no name is known at all.
        """
        table, styled = self._by_name
        lookup, aliases = {}, {}
        labels = [str(name) for name in np.asarray(chrom).tolist()]
        wanted = sorted(set(labels))
        for name in wanted:
            near = styled.get(bare_contig(name), [])
            lookup[name] = table.get(name, near[0] if len(near) == 1 else -1)
            if name not in table and lookup[name] >= 0:
                aliases[name] = self.names[lookup[name]]
        if len(wanted) and all(index < 0 for index in lookup.values()):
            raise MismatchError(
                "no contig of the intervals is in the genome",
                where=self.source or None,
                got="intervals on " + list_some(wanted),
                expected="contigs named like " + list_some(self.names),
                do="use the FASTA of the same species and build, or rename the contigs",
            )
        indices = np.fromiter(map(lookup.__getitem__, labels), np.int64, count=len(labels))
        if aliases:
            count = sum(name in aliases for name in labels)
            shown = list_some([f"{key} is {value}" for key, value in aliases.items()])
            self.notes.setdefault("contigs", f"{count} intervals matched by another style of contig name ({shown})")
        return indices

    def inside(self, intervals: Intervals) -> np.ndarray:
        """Whether each interval lies wholly on a known contig (interval,)."""
        contig = self.contig_indices(intervals.chrom)
        known = contig >= 0
        return known & (intervals.start >= 0) & (intervals.end <= self.lengths[np.where(known, contig, 0)])

    def windows(self, intervals: Intervals, *, length: int | None = None) -> np.ndarray:
        """Codes (interval, position) of equally long intervals, minus strands reverse-complemented.

        What lies beyond a contig's edge is 4, as N is.

        Args:
            intervals: all of one length, unless `length` is given.
            length: take this many bases around each midpoint instead.

        Raises:
            InputError: lengths differ, or an interval's contig is unknown.
        """
        start, size = _fixed_starts(intervals, length)
        contig = self.contig_indices(intervals.chrom)
        if (contig < 0).any():
            missing = np.unique(intervals.chrom[contig < 0].astype(str)).tolist()
            raise MismatchError(
                f"{int((contig < 0).sum())} intervals on contigs that the genome lacks",
                where=self.source or None,
                got=list_some(missing),
                expected=list_some(self.names),
                do="leave these intervals out, or use the FASTA that has the contigs",
            )
        codes = self.slices(contig, start, size)
        minus = intervals.strand < 0
        if minus.any():
            codes[minus] = reverse_complement(codes[minus])
        return codes

    def slices(self, contig: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        """Codes (interval, position) of the plus strand at contig indices and starts; 4 beyond the edges."""
        low = self.offsets[contig] + start
        edge = (start < 0) | (start + length > self.lengths[contig])
        room = len(self.codes) - length + 1
        if room > 0 and length > 0:
            # Every window of the genome as one item of `length` bytes: taking items copies whole windows at once.
            items = np.ndarray((room,), dtype=f"V{length}", buffer=self.codes, strides=(1,))
            out = items[np.where(edge, 0, low)].view(np.uint8).reshape(len(low), length)
        else:
            out = np.empty((len(low), length), np.uint8)
        for row in np.flatnonzero(edge).tolist():
            begin = int(low[row])
            first = max(begin, int(self.offsets[contig[row]]))
            last = min(begin + length, int(self.offsets[contig[row] + 1]))
            out[row] = UNKNOWN
            if last > first:
                out[row, first - begin : last - begin] = self.codes[first:last]
        return out

    def share_masked(self, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Share of each stretch that is soft-masked (interval,)."""
        return _share(self.masked, self.offsets[contig] + start, self.offsets[contig] + end)

    def share_unknown(self, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Share of each stretch that is N (interval,)."""
        return _share(self.unknown, self.offsets[contig] + start, self.offsets[contig] + end)

    def problems(self) -> list[str]:
        """All that is wrong: contigs without bases, codes of another length."""
        found = [f"contig {name} is empty" for name, size in zip(self.names, self.lengths, strict=True) if not size]
        if len(self.codes) != self.offsets[-1]:
            found.append(f"{len(self.codes)} codes, expected {self.offsets[-1]}")
        return found


def open_genome(path: Path | str, cache: Path | str | None = None) -> Genome:
    """Open a FASTA (plain, gzip, bgzip) as a Genome; the first opening writes the codes to the cache.

    Codes are kept under a hash of the file's content; a file of known path, size and time is not read again for it.

    Args:
        path: the FASTA.
        cache: folder for code files; the user's cache by default ($CHIASMA_CACHE, else the platform's own). Where it
            cannot be written, the codes stay in memory.

    Raises:
        InputError: absent, or contig names repeat.
        FormatError: truncated, empty, or not DNA in FASTA.
    """
    root = Path(cache) if cache is not None else cache_folder() / "genomes"
    if str(path) == "-":
        return _open_without_cache(path)
    seen = root / f"seen-{_identity(path)}"
    folder = _seen_folder(seen)
    if folder is None:
        folder = root / f"{content_hash(path)[:24]}-{_LAYOUT}"
        if not (folder / "genome.json").exists() and not _build(path, folder):
            return _open_without_cache(path)
        # Only a shortcut: where it cannot be written the content is hashed again.
        with suppress(RunError):
            write_text(seen, folder.name)
    return _load(folder, path, in_memory=False)


def _identity(path: Path | str) -> str:
    """A file's place, size and time of change, as one word; absent files are named by `content_hash`."""
    try:
        status = os.stat(path)
    except OSError:
        return "absent"
    return text_hash(str(Path(path).resolve()), str(status.st_size), str(status.st_mtime_ns), str(_LAYOUT))[:24]


def _seen_folder(seen: Path) -> Path | None:
    """The folder of codes that a file seen before has, if both are still there."""
    try:
        folder = seen.parent / seen.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return folder if (folder / "genome.json").exists() else None


def cache_folder() -> Path:
    """The folder for what can be made or fetched again: $CHIASMA_CACHE, else the platform's cache."""
    given = os.environ.get("CHIASMA_CACHE")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("chiasma")


def _share(runs: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    if not len(runs):
        return np.zeros(len(start))
    before = np.concatenate([[0], np.cumsum(runs[:, 1] - runs[:, 0])])

    def covered(position: np.ndarray) -> np.ndarray:
        """Bases of runs left of each position."""
        index = np.searchsorted(runs[:, 0], position, side="right")
        last = np.maximum(index - 1, 0)
        over = np.maximum(runs[last, 1] - position, 0) * (index > 0)
        return before[index] - over

    return (covered(end) - covered(start)) / np.maximum(end - start, 1)


def _fixed_starts(intervals: Intervals, length: int | None) -> tuple[np.ndarray, int]:
    if length is not None:
        return (intervals.start + intervals.end) // 2 - length // 2, length
    sizes = np.unique(intervals.lengths)
    if len(sizes) > 1:
        raise InputError(
            "intervals differ in length",
            got=f"{sizes[0]} to {sizes[-1]} bases",
            expected="one length",
            do="give a length",
        )
    return intervals.start, int(sizes[0]) if len(sizes) else 0


def _open_without_cache(path: Path | str) -> Genome:
    try:
        with tempfile.TemporaryDirectory() as temporary:
            _write_cache(path, Path(temporary))
            return _load(Path(temporary), path, in_memory=True)
    except OSError as error:
        raise RunError(
            f"no place to write the genome's codes: {error.strerror or error}",
            where=path,
            expected="room for one byte a base in the cache or the temporary folder",
            do="free some space, or set CHIASMA_CACHE or TMPDIR to a folder that has it",
        ) from error


def _build(path: Path | str, folder: Path) -> bool:
    """Write the cache folder whole or not at all; False where its place cannot be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    except OSError:
        return False
    try:
        try:
            _write_cache(path, temporary)
        except OSError:
            return False
        try:
            os.rename(temporary, folder)
        except OSError:
            # Another process was first; what it wrote comes from the same content.
            return (folder / "genome.json").exists()
        return True
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_cache(path: Path | str, folder: Path) -> None:
    names: list[str] = []
    lengths: list[int] = []
    masked, unknown = _Runs(), _Runs()
    with open(folder / "codes.u8", "wb") as out:
        for header, piece in _pieces(path):
            if header is not None:
                names.append(header.split(None, 1)[0] if header.strip() else f"contig{len(names) + 1}")
                lengths.append(0)
                continue
            _check_piece(piece, names[-1], path)
            codes = piece.translate(_CODES, _WHITE)
            out.write(codes)
            masked.add(np.frombuffer(piece.translate(_LOWER, _WHITE), np.uint8) == 1)
            unknown.add(np.frombuffer(codes, np.uint8) == UNKNOWN)
            lengths[-1] += len(codes)
    require_unique(names, what="contig name", where=path)
    if not sum(lengths):
        raise FormatError("no bases in the FASTA file", where=path, do="check how it was made")
    np.save(folder / "masked.npy", masked.table())
    np.save(folder / "unknown.npy", unknown.table())
    write_json(folder / "genome.json", {"names": names, "lengths": lengths, "source": Path(path).name})


def _load(folder: Path, path: Path | str, *, in_memory: bool) -> Genome:
    table = read_json(folder / "genome.json")
    offsets = np.concatenate([[0], np.cumsum(table["lengths"])]).astype(np.int64)
    file = folder / "codes.u8"
    codes = np.fromfile(file, np.uint8) if in_memory else np.asarray(np.memmap(file, np.uint8, mode="r"))
    masked, unknown = np.load(folder / "masked.npy"), np.load(folder / "unknown.npy")
    return Genome(tuple(table["names"]), offsets, codes, masked, unknown, source=str(path))


class _Runs:
    """Runs of True in a flag array that arrives in pieces."""

    def __init__(self) -> None:
        self._edges: list[np.ndarray] = []
        self._length = 0
        self._last = False

    def add(self, flags: np.ndarray) -> None:
        if not len(flags):
            return
        changes = np.flatnonzero(np.diff(flags, prepend=self._last)) + self._length
        self._edges.append(changes)
        self._length += len(flags)
        self._last = bool(flags[-1])

    def table(self) -> np.ndarray:
        """Start and end of each run (run, 2)."""
        edges = np.concatenate([*self._edges, [self._length] if self._last else []]).astype(np.int64)
        return edges.reshape(-1, 2)


def _pieces(path: Path | str) -> Iterator[tuple[str | None, bytes]]:
    """(header, b"") at each record, then (None, raw sequence) pieces: state across blocks of the file."""
    rest, in_header, first = b"", False, True
    for block in read_blocks(path):
        data = rest + block
        if first:
            data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
            if data and not data.startswith(b">"):
                raise FormatError(
                    "not a FASTA file", where=path, got=repr(data[:40]), expected="'>' and a contig name, then bases"
                )
            first, in_header, data = not data, bool(data), data[1:]
        position = 0
        while position < len(data):
            if in_header:
                end = data.find(b"\n", position)
                if end < 0:
                    break
                yield data[position:end].decode("utf-8", "replace").strip(), b""
                position, in_header = end + 1, False
            else:
                end = data.find(b">", position)
                if end != position:
                    yield None, data[position : end if end >= 0 else len(data)]
                position, in_header = (end + 1, True) if end >= 0 else (len(data), False)
        rest = data[position:]
    if first:
        raise FormatError("the file is empty", where=path, do="check how it was made")


def _check_piece(piece: bytes, contig: str, path: Path | str) -> None:
    strange: Sequence[int] = piece.translate(None, _LETTERS + _WHITE)
    if strange:
        raise FormatError(
            "letters that are not DNA",
            where=f"{path}, contig {contig}",
            got="".join(sorted({chr(byte) for byte in strange}))[:20],
            expected="IUPAC nucleotide letters, upper or lower case",
            do="check that this is the genome's FASTA and is whole",
        )
