"""Motifs: position probability matrices and their arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

UNIFORM = np.full(4, 0.25)
"""Equal shares of A, C, G, T."""
PSEUDO = 0.01
"""Share of the background mixed into each position before a logarithm, so that no base is impossible."""
_IUPAC = {
    frozenset(bases): letter
    for letter, bases in {
        "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
        "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
    }.items()
}  # fmt: skip


class NamedMotif(Protocol):
    """What is needed of a motif: its name and base probabilities (position, base)."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def probabilities(self) -> np.ndarray:
        """Base probabilities (position, base)."""
        ...


@dataclass(frozen=True, eq=False)
class Motif:
    """A position probability matrix.

    Attributes:
        name: identifier, unique in its file (MA0139.1, CTCF.H12CORE.0.P.B).
        probabilities: share of A, C, G, T at each position (position, base); rows sum to 1.
        alt: a second name, often the factor's.
        nsites: sites that it was made from, 0 where unknown.
        background: share of each base in the file's background (base,).
    """

    name: str
    probabilities: np.ndarray
    alt: str = ""
    nsites: float = 0
    background: np.ndarray = field(default_factory=lambda: UNIFORM)


def consensus(probabilities: np.ndarray) -> str:
    """IUPAC consensus: the fewest bases that hold 0.6 of each position; N below 0.15 bits."""
    letters = []
    for row, bits in zip(probabilities, information(probabilities)):
        order = np.argsort(-row, kind="stable")
        count = int(np.searchsorted(np.cumsum(row[order]), 0.6 * row.sum() - 1e-12)) + 1
        letters.append("N" if bits < 0.15 else _IUPAC[frozenset("ACGT"[base] for base in order[: min(count, 4)])])
    return "".join(letters)


def information(probabilities: np.ndarray) -> np.ndarray:
    """Bits at each position against equal bases (position,)."""
    safe = np.clip(probabilities, 1e-9, 1)
    return 2 + (safe * np.log2(safe)).sum(axis=1)


def log_odds(probabilities: np.ndarray, *, background: np.ndarray | None = None) -> np.ndarray:
    """Log2 of probability over background (position, base), with PSEUDO of the background mixed in."""
    background = UNIFORM if background is None else background
    shares = np.asarray(probabilities, float)
    return np.log2(((1 - PSEUDO) * shares / shares.sum(axis=1, keepdims=True) + PSEUDO * background) / background)
