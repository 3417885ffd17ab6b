"""Figures of an experiment's runs held against what is expected of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from chiasma.core.config import Config
from chiasma.core.errors import UsageError, list_some
from chiasma.core.files import read_json

_PART = re.compile(r"'([^']+)'|([^.]+)")


class Expectation(Config):
    """One figure in a step's file, and where it must lie; without a bound it is recorded."""

    what: str = Field(default="", description="what the figure is, for people; by default step and key")
    step: str
    file: str = Field(default="metrics.json", description="JSON or TSV in the step's folder")
    key: str = Field(
        description="dotted path: test.auroc.value; in a list or table the number of an entry, or NAME=VALUE for the "
        "first that has it: 0.q, findings.name=self-overlap.figures.fold; a part with a dot stands in quotes: 'a.b'.c"
    )
    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    contains: str | None = Field(default=None, description="text that must occur, whatever its case")
    source: str = Field(default="", description="where the expectation comes from")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self


def check(expectation: Expectation, folder: Path) -> dict[str, Any]:
    """The expectation with the figure found and whether it holds.

    An entry that a list or table does not have (no motif was discovered) counts as not found, and so does not hold.

    Raises:
        UsageError: no such file or key.
    """
    path = folder / expectation.step / expectation.file
    found = _walk(_read(path), expectation.key, where=f"{expectation.step}/{expectation.file}")
    return {**expectation.model_dump(exclude_none=True), "found": found, "holds": _holds(expectation, found)}


def _holds(expectation: Expectation, found: Any) -> bool:
    if found is None or found == "":
        return False
    if expectation.at_least is not None and not float(found) >= expectation.at_least:
        return False
    if expectation.at_most is not None and not float(found) <= expectation.at_most:
        return False
    if expectation.equals is not None and str(found).lower() != expectation.equals.lower():
        return False
    return expectation.contains is None or expectation.contains.lower() in str(found).lower()


def _read(path: Path) -> Any:
    if not path.exists():
        there = sorted(str(item.name) for item in path.parent.glob("*"))
        raise UsageError("the step did not write this file", where=path, got=list_some(there) or "nothing")
    if path.suffix != ".tsv":
        return read_json(path)
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def _walk(found: Any, key: str, *, where: str) -> Any:
    """What a dotted path leads to; None for an entry that a list does not have."""
    for part in (quoted or plain for quoted, plain in _PART.findall(key)):
        if isinstance(found, list):
            found = _entry(found, part)
            if found is None:
                return None
        elif isinstance(found, dict) and part in found:
            found = found[part]
        else:
            got = list_some(found) if isinstance(found, dict) else repr(found)[:80]
            raise UsageError(f"no such figure: {part}", where=where, got=got, expected=key)
    return found


def _entry(found: list[Any], part: str) -> Any:
    name, separator, value = part.partition("=")
    if separator:
        return next((item for item in found if str(item.get(name)) == value), None)
    return found[int(part)] if part.isdigit() and int(part) < len(found) else None


def described(found: dict[str, Any]) -> tuple[str, str]:
    """A checked figure and its bounds as text."""
    value = found["found"]
    text = f"{value:.6g}" if isinstance(value, float) else "none" if value in (None, "") else str(value)
    wanted = [f">= {found['at_least']:g}" if "at_least" in found else ""]
    wanted += [f"<= {found['at_most']:g}" if "at_most" in found else "", found.get("equals", "")]
    wanted += [f"contains {found['contains']}" if "contains" in found else ""]
    return text, " and ".join(filter(None, wanted)) or "recorded"
