"""The one tree of exceptions.

    ChiasmaError                     exit 4
    ├── UsageError                   exit 2   the request itself is wrong: flags, configuration, names
    │   └── MissingDependencyError   exit 2   an optional package is not installed
    ├── InputError                   exit 3   a file or its content cannot be used
    │   ├── FormatError                       not in the format that it claims
    │   ├── MismatchError                     two inputs contradict each other (ids, contigs, builds)
    │   └── InsufficientDataError             too few examples, classes, sites to answer
    └── RunError                     exit 4   the work started and could not finish
        └── NotTrainedError                   a method without weights was asked to predict

Every message says where, what was got, what was expected, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ChiasmaError(Exception):
    """Base of all errors that a user can cause or mend.

    Args:
        what: the problem, in one clause.
        where: file, line, record, key or sample.
        got: what was found there.
        expected: what would have been accepted.
        do: the next step for the user.
    """

    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        got: object = None,
        expected: object = None,
        do: str | None = None,
    ) -> None:
        self.what, self.where, self.got, self.expected, self.do = what, where, got, expected, do
        lines = [f"{where}: {what}" if where is not None else what]
        if got is not None:
            lines.append(f"  got:      {got}")
        if expected is not None:
            lines.append(f"  expected: {expected}")
        if do is not None:
            lines.append(f"  do:       {do}")
        super().__init__("\n".join(lines))

    def to_dict(self) -> dict[str, object]:
        """The error as JSON-ready fields, for `--json`."""
        fields = {"error": type(self).__name__, "what": self.what, "where": self.where, "got": self.got}
        fields |= {"expected": self.expected, "do": self.do}
        return {key: value if value is None else str(value) for key, value in fields.items()}


class UsageError(ChiasmaError):
    """The request is wrong: an unknown method, flag, key or value."""

    exit_code = 2


class MissingDependencyError(UsageError):
    """An optional package is needed and absent."""


class InputError(ChiasmaError):
    """A file, or what it holds, cannot be used."""

    exit_code = 3


class FormatError(InputError):
    """A file is not in the format it claims to be."""


class MismatchError(InputError):
    """Two inputs contradict each other."""


class InsufficientDataError(InputError):
    """There is too little data to answer the question asked."""


class RunError(ChiasmaError):
    """The work began and could not be finished."""


class NotTrainedError(RunError):
    """A prediction was asked of a model that has no trained weights."""


class FitWarning(UserWarning):
    """What the user of a fit must know of it; estimators list it in `remarks_` too, from where a run takes it."""


_MOST_CHOICES = 12
"""Names listed in full; of more, such as the tracks of a network, the nearest are."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None if none is close."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str], *, see: str = "") -> UsageError:
    """An error for a name that does not exist, with the nearest one that does.

    Args:
        kind: what the name is of.
        name: as it was given.
        known: the names that exist.
        see: the command that lists them all.
    """
    choices = sorted(known)
    close = nearest(name, choices)
    if len(choices) > _MOST_CHOICES:
        near = difflib.get_close_matches(name, choices, n=_MOST_CHOICES, cutoff=0)
        choices = near + sorted(set(choices) - set(near))
    step = f"did you mean {close!r}?" if close else "give one of these" if choices else ""
    return UsageError(
        f"unknown {kind}",
        got=name,
        expected=list_some(choices, most=_MOST_CHOICES) or "nothing (none exist)",
        do=f"{step} (all: {see})" if see else step or None,
    )


def list_some(names: Iterable[object], *, most: int = 5) -> str:
    """The first few names and how many more there are, for messages."""
    texts = [str(name) for name in names]
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"
