"""Standard input as a file: what is piped in is kept, so that it can be hashed, read twice and resumed."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

from chiasma.core.errors import UsageError

STANDARD_INPUT = "/dev/stdin"
"""What a bare `-` on the command line is read as (the parser takes a bare hyphen for an option)."""

_spooled: list[str] = []


def spooled(value: str) -> str:
    """The path itself, or for standard input the path of a temporary copy of standard input, removed at exit.

    Raises:
        UsageError: `-` is asked for twice, or nothing is piped in.
    """
    if value != STANDARD_INPUT:
        return value
    if _spooled:
        raise UsageError("standard input can be read once", got="- twice", expected="a file for one of them")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "nothing is piped in", where="-", expected="a pipe, for instance zcat peaks.fa.gz | chiasma ..."
        )
    with tempfile.NamedTemporaryFile(prefix="chiasma-stdin-", delete=False) as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    _spooled.append(copy.name)
    atexit.register(_forget)
    return copy.name


def _forget() -> None:
    for path in _spooled:
        if os.path.exists(path):
            os.unlink(path)
    _spooled.clear()
