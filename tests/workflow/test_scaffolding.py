"""New methods from templates: generated into a copy of the package, they pass lint and every contract test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chiasma.cli.main import run
from chiasma.core.cards import list_cards
from chiasma.core.errors import UsageError
from chiasma.workflow.scaffolding import CONTRACTS, new_method

CHECKOUT = Path(__file__).resolve().parents[2]
METHOD_FILES = {"__init__.py", "card.toml", "config.py", "examples.py", "model.py"}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A checkout with one method and no wing but its own."""
    folder = tmp_path / "src" / "chiasma" / "methods" / "sequence" / "old_one"
    folder.mkdir(parents=True)
    (folder / "card.toml").touch()
    return tmp_path


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which both templates have become methods, one in a wing that was not there."""
    root = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "src", root / "src", ignore=ignore)
    shutil.copytree(CHECKOUT / "tests" / "contracts", root / "tests" / "contracts", ignore=ignore)
    shutil.copy(CHECKOUT / "pyproject.toml", root)
    new_method("sequence/grown-net", contract="task", root=root)
    new_method("imaging/grown-centroids-2", contract="estimator", root=root)
    return root


def in_tree(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_generated_methods_pass_the_contracts_and_their_own_tests(grown: Path) -> None:
    chosen = ("tests/contracts/test_methods.py", "tests/methods")
    done = in_tree(grown, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *chosen, "-k", "grown")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout and "test_methods.py" not in done.stderr


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_generated_files_are_clean(grown: Path, command: tuple[str, ...]) -> None:
    pytest.importorskip("ruff", reason="ruff is not installed")
    made = [path.relative_to(grown) for path in grown.rglob("*grown_*") if "chiasma/methods" in path.as_posix()]
    assert len(made) == 2
    done = in_tree(grown, "ruff", *command, "--no-cache", *map(str, made), "tests/methods")
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_methods_are_listed(grown: Path) -> None:
    done = in_tree(grown, "chiasma.cli.main", "show", "grown-net", "--json")
    assert done.returncode == 0 and '"grown-net"' in done.stdout, done.stderr
    names = {card.name for card in list_cards(grown / "src" / "chiasma" / "methods")}
    assert {"grown-net", "grown-centroids-2"} <= names


@pytest.mark.parametrize("contract", CONTRACTS)
def test_one_folder_and_one_test_are_written(empty: Path, contract: str) -> None:
    before = {path for path in empty.rglob("*") if path.is_file()}
    written = new_method("structure/two-words", contract=contract, root=empty)
    folder = empty / "src" / "chiasma" / "methods" / "structure" / "two_words"
    wanted = METHOD_FILES | ({"task.py"} if contract == "task" else set())
    assert {path.name for path in folder.iterdir()} == wanted
    assert (folder.parent / "__init__.py").is_file()
    assert empty / "tests" / "methods" / "test_two_words.py" in written
    assert {path for path in empty.rglob("*") if path.is_file()} - before == set(written)
    assert not any("$" in path.read_text() for path in written)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("my-net", "WING/METHOD"),
        ("sequences/my-net", "did you mean 'sequence'"),
        ("sequence/MyNet2", "did you mean sequence/my-net2"),
        ("sequence/my_net", "did you mean sequence/my-net"),
        ("sequence/2nd", "did you mean sequence/nd"),
        ("sequence/lambda", "no Python keyword"),
        ("sequence/a/b", "did you mean sequence/a-b"),
        ("sequence/", "WING/METHOD"),
        ("structure/old-one", "exists"),
        ("sequence/oldone", "nearly that name"),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(empty: Path, spec: str, message: str) -> None:
    before = sorted(empty.rglob("*"))
    with pytest.raises(UsageError, match=message):
        new_method(spec, root=empty)
    assert sorted(empty.rglob("*")) == before


def test_other_mistakes_are_refused(empty: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'task'"):
        new_method("sequence/new-one", contract="tasks", root=empty)
    with pytest.raises(UsageError, match="not a checkout"):
        new_method("sequence/new-one", root=tmp_path / "nowhere")


def test_the_verb_prints_what_it_wrote(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "sequence/new-one", "--root", str(empty)]) == 0
    assert "new_one/card.toml" in capsys.readouterr().out
    assert run(["new", "sequence/new-one", "--root", str(empty)]) == 2
