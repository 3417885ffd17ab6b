"""What a designed sequence may look like: GC content, runs of one base, motifs forbidden and required, bases kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.sequences import decode, reverse_complement

_BYTES = 1 << 26


@dataclass(frozen=True, eq=False)
class Constraints:
    """Rules for designed sequences; the default forbids nothing.

    Attributes:
        gc: least and greatest share of G and C among known bases.
        longest_run: most equal bases in a row; None is no limit.
        forbidden: words (codes) that may stand on neither strand.
        required: words that must stand on one strand or the other.
        kept: spans (start, end) that are not edited.
    """

    gc: tuple[float, float] = (0.0, 1.0)
    longest_run: int | None = None
    forbidden: tuple[np.ndarray, ...] = field(default=())
    required: tuple[np.ndarray, ...] = field(default=())
    kept: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        low, high = self.gc
        if not 0 <= low <= high <= 1:
            raise UsageError("not a range of GC content", where="gc", got=self.gc, expected="0 <= least <= most <= 1")
        if self.longest_run is not None and self.longest_run < 1:
            raise UsageError("not a length", where="longest_run", got=self.longest_run, expected="1 or more")
        for word in (*self.forbidden, *self.required):
            if not len(word) or word.max() > 3:
                raise UsageError("a motif of design has unknown bases", got=decode(word), expected="A, C, G and T")
        for one in self.required:
            for other in self.forbidden:
                if (occurrences(one[None], other) > 0).any():
                    raise UsageError(
                        "a required motif holds a forbidden one", got=decode(one), expected=f"none with {decode(other)}"
                    )

    def violations(self, codes: np.ndarray) -> np.ndarray:
        """How far sequences (sequence, position) are from the rules, in bases and words (sequence,); 0 is allowed."""
        known = (codes < 4).sum(axis=1)
        strong = ((codes == 1) | (codes == 2)).sum(axis=1)
        low, high = np.ceil(self.gc[0] * known - 1e-9), np.floor(self.gc[1] * known + 1e-9)
        total = np.maximum(low - strong, 0) + np.maximum(strong - high, 0)
        if self.longest_run is not None and codes.shape[1] > self.longest_run:
            total = total + _beyond_runs(codes, self.longest_run)
        for word in self.forbidden:
            total = total + occurrences(codes, word)
        for word in self.required:
            total = total + _missing(codes, word)
        return total

    def problems(self, codes: np.ndarray) -> list[str]:
        """What one sequence (position,) breaks, in words."""
        found = []
        known = max(1, int((codes < 4).sum()))
        share = float(((codes == 1) | (codes == 2)).sum() / known)
        if not self.gc[0] - 1e-9 <= share <= self.gc[1] + 1e-9:
            found.append(f"GC content {share:.2f} outside {self.gc[0]:g} to {self.gc[1]:g}")
        if self.longest_run is not None and _beyond_runs(codes[None], self.longest_run)[0]:
            found.append(f"more than {self.longest_run} equal bases in a row")
        found += [f"holds {decode(word)}" for word in self.forbidden if occurrences(codes[None], word)[0]]
        return found + [f"lacks {decode(word)}" for word in self.required if _missing(codes[None], word)[0]]

    def editable(self, length: int) -> np.ndarray:
        """Which positions may be edited (position,)."""
        free = np.ones(length, bool)
        for start, end in self.kept:
            free[start:end] = False
        return free

    def after_edits(self, codes: np.ndarray) -> np.ndarray:
        """`violations` after each substitution of one sequence (position, base); infinite where none may be made."""
        length = len(codes)
        found = np.full((length, 4), np.inf)
        where, what = np.nonzero(self.editable(length)[:, None] & (codes[:, None] != np.arange(4)))
        size = max(1, _BYTES // (16 * length))
        for start in range(0, len(where), size):
            rows, bases = where[start : start + size], what[start : start + size]
            edited = np.repeat(codes[None], len(rows), axis=0)
            edited[np.arange(len(rows)), rows] = bases
            found[rows, bases] = self.violations(edited)
        return found


def occurrences(codes: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Places where a word stands, on either strand (sequence,); a palindrome counts once."""
    found = _places(codes, word)
    other = reverse_complement(word)
    return (found | _places(codes, other)).sum(axis=1) if codes.shape[1] >= len(word) else np.zeros(len(codes), int)


def _places(codes: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Whether a word begins at each position (sequence, position)."""
    count = codes.shape[1] - len(word) + 1
    found = np.ones((len(codes), max(0, count)), bool)
    for offset, base in enumerate(word):
        found &= codes[:, offset : offset + max(0, count)] == base
    return found


def _missing(codes: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Bases by which the best place differs from a word, over both strands (sequence,)."""
    count = codes.shape[1] - len(word) + 1
    if count < 1:
        return np.full(len(codes), len(word))
    best = np.full(len(codes), len(word))
    for strand in (word, reverse_complement(word)):
        wrong = np.zeros((len(codes), count), np.int16)
        for offset, base in enumerate(strand):
            wrong += codes[:, offset : offset + count] != base
        best = np.minimum(best, wrong.min(axis=1))
    return best


def _beyond_runs(codes: np.ndarray, longest: int) -> np.ndarray:
    """Bases that stand after `longest` equal ones (sequence,)."""
    run = np.ones((len(codes), max(0, codes.shape[1] - longest)), bool)
    for offset in range(longest):
        left = codes[:, offset : offset + run.shape[1]]
        run &= (left == codes[:, offset + 1 : offset + 1 + run.shape[1]]) & (left < 4)
    return run.sum(axis=1)
