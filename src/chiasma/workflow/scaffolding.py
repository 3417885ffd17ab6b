"""`chiasma new`: the folder and the test of a new method, from a template that already passes the contract tests."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from chiasma.core.errors import UsageError, nearest, unknown_name
from chiasma.core.files import write_text

WINGS = ("imaging", "language", "omics", "origin", "population", "regulation", "sequence", "structure")
"""The questions by which methods are sorted; DESIGN.md says what each asks."""
CONTRACTS = ("estimator", "task")
"""Contracts that have a template."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_method(spec: str, *, contract: str = "task", root: Path) -> list[Path]:
    """Write the folder and the test of a new method into a checkout; nothing that exists is touched.

    Args:
        spec: WING/METHOD, lower case with hyphens.
        contract: task (a network on sequences) or estimator (a method on a matrix).
        root: the checkout, which holds src/chiasma/methods.

    Returns:
        The files written, the method's folder first.

    Raises:
        UsageError: the name, the wing or the contract is none, the method exists, or root is no checkout.
    """
    wing, name = _parse(spec)
    if contract not in CONTRACTS:
        raise unknown_name("contract", contract, CONTRACTS)
    root = Path(root)
    methods = root / "src" / "chiasma" / "methods"
    if not methods.is_dir():
        raise UsageError(
            "not a checkout of chiasma", where=root, expected="a folder with src/chiasma/methods", do="give --root"
        )
    package = name.replace("-", "_")
    test = root / "tests" / "methods" / f"test_{package}.py"
    _refuse_existing(methods, name, test)
    words = {
        "name": name,
        "wing": wing,
        "package": package,
        "class": "".join(part.capitalize() for part in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
    }
    texts = {methods / wing / package / "__init__.py": ""}
    if not (methods / wing / "__init__.py").exists():
        texts[methods / wing / "__init__.py"] = ""
    for template in sorted(files("chiasma.workflow").joinpath("templates", contract).iterdir(), key=lambda f: f.name):
        if not template.name.endswith(".in"):
            continue
        stem = template.name.removesuffix(".in")
        path = test if stem == "test.py" else methods / wing / package / stem
        texts[path] = Template(template.read_text(encoding="utf-8")).substitute(words)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _parse(spec: str) -> tuple[str, str]:
    wing, slash, name = spec.partition("/")
    if not slash or not name:
        raise UsageError("a new method is named with its wing", got=spec, expected="WING/METHOD, as in sequence/my-net")
    if wing not in WINGS:
        raise unknown_name("wing", wing, WINGS)
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        better = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())
        better = better.strip("-").lstrip("-0123456789")
        usable = _NAME.fullmatch(better) and not keyword.iskeyword(better)
        raise UsageError(
            "not a name for a method",
            got=name,
            expected="lower-case letters and digits in words joined by hyphens, a letter first, no Python keyword",
            do=f"did you mean {wing}/{better}?" if usable else None,
        )
    return wing, name


def _refuse_existing(methods: Path, name: str, test: Path) -> None:
    package = name.replace("-", "_")
    taken = {path.name for path in methods.glob("*/*") if path.is_dir() and any(path.glob("*.*"))}
    if package in taken:
        where = next(path for path in methods.glob(f"*/{package}"))
        raise UsageError("a method of that name exists", where=where, got=name, do="choose another name")
    if test.exists():
        raise UsageError("a test of that name exists", where=test, got=name, do="choose another name")
    close = nearest(package, taken)
    if close is not None and close.replace("_", "") == package.replace("_", ""):
        raise UsageError("a method of nearly that name exists", got=name, expected=f"a name unlike {close}")
