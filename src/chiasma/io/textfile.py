"""Bytes and lines of plain, gzip and bgzip files and of standard input, with errors that name what is wrong."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from chiasma.core.errors import FormatError, InputError

_GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every whole bgzip file (SAM specification, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_OTHER_CONTAINERS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\x89HDF": "HDF5",
}
BLOCK = 1 << 24
"""Bytes read at a time (16 MiB): large enough for speed, small beside any genome."""


def _check_bgzip_end(handle: IO[bytes], head: bytes, path: Path | str) -> None:
    """Raise if a bgzip file lacks its end block: it would otherwise read as a shorter, whole file."""
    if len(head) < 14 or not head[3] & 4 or head[12:14] != b"BC":
        return
    handle.seek(-len(_BGZF_END), 2)
    if handle.read() != _BGZF_END:
        raise _truncated(path, "no end-of-file block")
    handle.seek(0)


def _truncated(path: Path | str, got: object) -> FormatError:
    return FormatError(
        "truncated or damaged gzip file",
        where=path,
        got=got,
        expected="a whole gzip or bgzip file",
        do="copy or download the file again, and test it with `gzip -t`",
    )


def _open_file(path: Path | str) -> IO[bytes]:
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, do="check the path") from error
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=path, do="give a readable file") from error


@contextmanager
def open_bytes(path: Path | str) -> Iterator[IO[bytes]]:
    """Open a file, decompressed by its content rather than its suffix; `-` is standard input.

    Raises:
        InputError: the file is absent, a folder or unreadable.
        FormatError: it is a truncated gzip, or packed in a way that is not read here.
    """
    if str(path) == "-":
        data = sys.stdin.buffer
        peek = getattr(data, "peek", None)
        packed = peek is not None and peek(2)[:2] == _GZIP_MAGIC
        yield cast(IO[bytes], gzip.GzipFile(fileobj=data)) if packed else data
        return
    with _open_file(path) as handle:
        head = handle.read(18)
        handle.seek(0)
        for magic, name in _OTHER_CONTAINERS.items():
            if head.startswith(magic):
                raise FormatError(
                    f"the file is {name}", where=path, expected="plain text, gzip or bgzip", do="unpack or convert it"
                )
        if not head.startswith(_GZIP_MAGIC):
            yield handle
            return
        _check_bgzip_end(handle, head, path)
        try:
            with gzip.GzipFile(fileobj=handle) as unpacked:
                yield cast(IO[bytes], unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _truncated(path, error) from error


def read_bytes(path: Path | str) -> bytes:
    """All of a file, decompressed, line ends made `\\n`.

    Raises:
        InputError: absent or unreadable.
        FormatError: truncated, or empty.
    """
    with open_bytes(path) as handle:
        raw = handle.read()
    if not raw.strip():
        raise FormatError("the file is empty", where=path, do="check how it was made")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw.removeprefix(b"\xef\xbb\xbf")


def read_blocks(path: Path | str) -> Iterator[bytes]:
    """A file in blocks of 16 MiB, decompressed."""
    with open_bytes(path) as handle:
        while block := handle.read(BLOCK):
            yield block


def read_lines(path: Path | str) -> Iterator[tuple[int, str]]:
    """Numbered lines, the first is 1, without their ends; blank lines are left out.

    Raises:
        InputError: absent or unreadable.
        FormatError: truncated, empty, or not text.
    """
    raw = read_bytes(path)
    if b"\0" in raw[:4096]:
        raise FormatError("binary content", where=path, expected="a text file", do="check that this is the file meant")
    for number, line in enumerate(raw.decode("utf-8", "replace").split("\n"), start=1):
        if line.strip():
            yield number, line
