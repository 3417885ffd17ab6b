"""Checks that several floors need, each raising with all that is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Protocol

from chiasma.core.errors import InputError, MissingDependencyError, list_some


class HasProblems(Protocol):
    """A noun that can list all that is wrong with it."""

    def problems(self) -> list[str]:
        """Everything that is wrong, in words; empty when valid."""
        ...


def require_valid(noun: HasProblems, *, where: object = None, do: str | None = None) -> None:
    """Raise one InputError that lists every problem of a noun."""
    problems = noun.problems()
    if problems:
        raise InputError("; ".join(problems), where=where, do=do)


def duplicates(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, in order of first occurrence."""
    return [name for name, count in Counter(names).items() if count > 1]


def require_unique(names: Sequence[str], *, what: str, where: object = None) -> None:
    """Raise if a name occurs twice."""
    repeated = duplicates(names)
    if repeated:
        raise InputError(
            f"duplicate {what}",
            where=where,
            got=list_some(repeated),
            expected=f"each {what} once",
            do="rename or remove the repeated ones",
        )


def require_module(name: str, *, extra: str) -> Any:
    """Import an optional module, or say which extra brings it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} is not installed", do=f"pip install 'chiasma[{extra}]'", got=error
        ) from error
