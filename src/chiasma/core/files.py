"""Files: whole or absent, never half. Hashes of content."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import IO, Any, TypeVar

from chiasma.core.errors import InputError, RunError

T = TypeVar("T")

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Write to a sibling temporary file and rename it over `path` when all went well.

    Errors of other files that the block opens pass through as they are.

    Raises:
        RunError: the disk is full or the folder is read-only; nothing is left behind.
    """
    path = Path(path)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # os.open leaves the permissions to the umask; tempfile would not
        number = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(number, mode, encoding=None if "b" in mode else "utf-8") as handle:
            yield handle
            with _writing(path):
                handle.flush()
                os.fsync(handle.fileno())
        with _writing(path):
            os.replace(temporary, path)
    except OSError as error:
        if error.errno in _FULL:
            raise _cannot_write(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write: {error.strerror or error}",
        where=path,
        expected="a writable folder with free space",
        do="choose another folder with -o, or free some space, and run the same command again",
    )


def write_text(path: Path | str, text: str) -> None:
    """Write text atomically."""
    with atomic_write(path) as handle:
        handle.write(text)


def plain(value: Any) -> Any:
    """`value` with numpy scalars, arrays, paths, tuples made JSON-ready; NaN and infinities become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically, numpy types and NaN made plain."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON, or say which file is broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, do="check the path") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("not valid JSON", where=path, got=error, expected="the file as chiasma wrote it") from error


def content_hash(path: Path | str) -> str:
    """SHA-256 of a file's bytes; of a folder, of the sorted relative names and contents below it.

    A file is read once as long as its size and time of change stay the same.
    """
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for member in sorted(item for item in path.rglob("*") if item.is_file()):
            digest.update(str(member.relative_to(path)).encode() + b"\0" + content_hash(member).encode())
        return digest.hexdigest()
    try:
        status = path.stat()
        return _hash_file(path.resolve(), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=path, do="check the path") from error


def until_changed(read: Callable[..., T]) -> Callable[..., T]:
    """A reader `read(path, ...)` that reads a file again only once its size or time of change are others.

    The last few answers are kept. All arguments are given by place and can be hashed; what is given out is shared, so
    that nobody may change it. Of a file that is not there `read` is asked each time, which says so.
    """

    @lru_cache(maxsize=8)
    def kept(size: int, changed: int, *arguments: Any) -> T:
        return read(*arguments)

    @wraps(read)
    def current(path: Path | str, *more: Any) -> T:
        try:
            status = os.stat(path)
        except OSError:
            return read(path, *more)
        return kept(status.st_size, status.st_mtime_ns, path, *more)

    return current


@cache
def _hash_file(path: Path, size: int, changed: int) -> str:
    del size, changed
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def text_hash(*parts: str) -> str:
    """SHA-256 of text parts, order kept."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
