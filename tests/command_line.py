"""The command line inside the test process: exit code, stdout, stderr."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chiasma.cli.main import run

FAST = ("--preset", "tiny", "--epochs", "1", "--draws", "100", "--no-rivals", "--no-explain")
"""Flags of a network's fit that takes about a second."""


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


def call(*words: object) -> Answer:
    """Run `chiasma WORDS...`; an exception that is no exit code reaches the test."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(word) for word in words])
    return Answer(code, out.getvalue(), err.getvalue())


def done(*words: object) -> Answer:
    """Run a command that must succeed."""
    answer = call(*words)
    assert answer.code == 0, answer.err
    return answer


def left_behind(folder: Path) -> list[str]:
    """Names in a folder that no user asked for: partial runs and temporary files."""
    return [item.name for item in folder.rglob("*") if item.name.startswith(".") or item.name.endswith(".partial")]
