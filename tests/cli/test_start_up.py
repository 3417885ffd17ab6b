"""Starting: help and listing without torch or pandas, in time; exit codes of the real command."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from chiasma.cli.main import VERBS, run
from command_line import call

_REPORT = "import sys; heavy = {'torch', 'pandas', 'sklearn', 'lightning'} & set(sys.modules); print('HEAVY', *heavy)"


def _python(code: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **more)


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "--json"]])
def test_help_and_list_load_nothing_heavy(words):
    found = _python(f"from chiasma.cli.main import run\nassert run({words!r}) == 0\n{_REPORT}")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "HEAVY"


def test_import_loads_nothing_heavy():
    found = _python(f"import chiasma\n{_REPORT}")
    assert found.stdout.splitlines() == ["HEAVY"], found.stderr


def test_help_of_every_verb_without_torch():
    verbs = [[verb, "--help"] for verb in VERBS] + [["fit", "cnn", "--help"], ["fit", "haplotype-cnn", "--help"]]
    code = f"from chiasma.cli.main import run\nfor words in {verbs!r}:\n    assert run(words) == 0, words\n{_REPORT}"
    found = _python(code)
    assert found.returncode == 0, found.stderr
    assert "torch" not in found.stdout.splitlines()[-1]
    for verb in VERBS:
        assert f"chiasma {verb}" in found.stdout


def test_the_installed_command_exits_with_a_code_and_says_what_to_do(tmp_path):
    command = [sys.executable, "-m", "chiasma.cli.main"]
    options = {"capture_output": True, "text": True, "check": False, "cwd": tmp_path, "env": {**os.environ}}
    found = subprocess.run([*command, "fit", "cn", "x.fa"], **options)
    assert found.returncode == 2 and "did you mean 'cnn'?" in found.stderr and found.stdout == ""
    found = subprocess.run([*command, "cite", "nothing"], **options)
    assert found.returncode == 3 and "expected: a folder made by chiasma fit" in found.stderr
    assert "Traceback" not in found.stderr and list(tmp_path.iterdir()) == []


def test_top_level():
    answer = call("--help")
    assert answer.code == 0 and all(verb in answer.out for verb in VERBS)
    assert call().out == answer.out
    assert call("--version").out.strip().count(".") == 2
    assert call("--nonsense").code == 2
    wrong = call("predct")
    assert wrong.code == 2 and "did you mean 'predict'?" in wrong.err


def test_an_unforeseen_error_is_one_message(monkeypatch):
    def fail() -> list[dict[str, object]]:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("chiasma.workflow.listing.list_methods", fail)
    answer = call("list")
    assert answer.code == 4 and "ZeroDivisionError" in answer.err and "CHIASMA_TRACEBACK" in answer.err
    assert "Traceback" not in answer.err
    monkeypatch.setenv("CHIASMA_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        call("list")


@pytest.mark.parametrize("verb", [*VERBS, "fit cnn", "data get", "weights get"])
def test_help_describes_every_option(verb, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    run([*verb.split(), "--help"])
    lines = capsys.readouterr().out.splitlines()
    options = [
        line.strip("│ *").rstrip() for line in lines if line.startswith("│ ") and line.strip("│ *").startswith("--")
    ]
    bare = [line for line in options if not line.startswith("--no-") and not re.search(r"  +[^\s\[]", line)]
    assert not bare, f"options without a description: {bare}"
    assert "--no-json" not in " ".join(options)
