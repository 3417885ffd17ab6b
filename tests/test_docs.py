"""What the documents say agrees with what stands."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from chiasma import __version__
from chiasma.cli.main import VERBS
from chiasma.core.cards import list_cards
from chiasma.workflow.reproducing.reproduce import list_experiments

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [path for path in PAGES if not {"_build", "cards"} & set(path.parts)]
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@pytest.fixture(scope="module")
def cards() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_cards", ROOT / "docs" / "cards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(text: str) -> list[list[str]]:
    """Words of each `$ chiasma ...` of a page, continuation lines joined, comments left out."""
    found = re.findall(r"^\$ (?:\.venv/bin/)?(chiasma .*)$", text.replace("\\\n", " "), flags=re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in found]


def test_readme_table_agrees_with_the_cards(cards: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert cards.with_table(text, list_cards()) == text, "run scripts/docs, which writes the table from the cards"


def test_every_card_has_a_page(cards: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "gone.md").touch()
    cards.write_pages(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{card.wing}-{card.name}.md" for card in list_cards()}
    for card in list_cards():
        text = (tmp_path / f"{card.wing}-{card.name}.md").read_text(encoding="utf-8")
        assert card.question in text and card.paper.title in text and card.parity.kind in text


@every_page
def test_commands_that_are_shown_exist(path: Path) -> None:
    methods = {card.name for card in list_cards()}
    for verb, *words in commands(path.read_text(encoding="utf-8")):
        assert verb in VERBS
        if verb in ("fit", "compare"):
            assert words[0] in methods or words[0].startswith("RUN")
        if verb == "reproduce" and words:
            assert words[0] in list_experiments()


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "report.png").stat().st_size < 300_000


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_extra_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for path in PAGES:
        for names in re.findall(r"pip install [^\n]*\[([a-z,]+)\]", path.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= set(extras)


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "workflows").glob("*_acceptance.md")), ids=lambda page: page.name
)
def test_acceptance_pages_name_tests_that_there_are(page: Path) -> None:
    """`test_x.py::y`, or `::y` after it, is function test_y of a file of that name; here of any that has it."""
    known: dict[str, set[str]] = {"": set()}
    for path in (ROOT / "tests").rglob("test_*.py"):
        functions = re.findall(r"^def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        known.setdefault(path.name, {""}).update(functions)
        known[""].update(functions)
    text = page.read_text(encoding="utf-8").replace("`test_x.py::y`", "")
    named = set(re.findall(r"`(test_\w+\.py)(?:::(?:test_)?(\w+))?`", text)) | set(
        re.findall(r"`()::(?:test_)?(\w+)`", text)
    )
    assert named and not [one for one in named if one[1] not in known.get(one[0], ())]
