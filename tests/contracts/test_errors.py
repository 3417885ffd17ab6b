"""Every error that a file or a request can cause says what would have been accepted, or what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import chiasma.core.errors as errors
from chiasma.core.errors import ChiasmaError

SOURCE = Path(errors.__file__).parent.parent
FAMILY = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ChiasmaError)}
FOLDERS = ("core", "io", "encode", "metrics", "plot", "explain", "report", "uncertainty", "run")
FILES = sorted(path for folder in FOLDERS for path in (SOURCE / folder).rglob("*.py"))


def raised(path: Path) -> list[ast.Call]:
    """Calls of an error of the tree in raise statements."""
    nodes = [node.exc for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Raise)]
    return [
        node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FAMILY
    ]


def test_the_files_are_found():
    assert sum(len(raised(path)) for path in FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_error_says_what_was_expected_or_what_to_do(path):
    silent = [
        f"line {call.lineno}"
        for call in raised(path)
        if not {"expected", "do"} & {keyword.arg for keyword in call.keywords}
        and not (isinstance(call.args[0], ast.Call) and ast.unparse(call.args[0].func) == "_describe")
    ]
    assert not silent
