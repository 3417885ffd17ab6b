"""Position weight matrices: consensus, information, trimming, log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

_IUPAC = {
    frozenset(bases): letter
    for letter, bases in {
        "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
        "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
    }.items()
}  # fmt: skip


class NamedMotif(Protocol):
    """Anything with a name and probabilities (position, base)."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def probabilities(self) -> np.ndarray:
        """Base probabilities (position, base)."""


@dataclass(frozen=True, eq=False)
class DiscoveredMotif:
    """A motif found in attributions.

    Attributes:
        name: such as "pos_0".
        probabilities: (position, base), rows sum to one.
        contributions: mean contribution of each base (position, base).
        n_seqlets: seqlets it was built from.
        source: tf-modisco or seqlet-clustering.
    """

    name: str
    probabilities: np.ndarray
    contributions: np.ndarray
    n_seqlets: int
    source: str

    @property
    def consensus(self) -> str:
        """IUPAC letters."""
        return consensus(self.probabilities)


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


def informative_span(probabilities: np.ndarray, *, least: float = 0.25, shortest: int = 5) -> slice:
    """The span between the outermost positions of at least `least` bits, widened to `shortest`."""
    strong = np.flatnonzero(information(probabilities) >= least)
    start, end = (int(strong[0]), int(strong[-1]) + 1) if len(strong) else (0, len(probabilities))
    missing = max(0, shortest - (end - start))
    start = max(0, start - missing // 2)
    return slice(start, min(len(probabilities), max(end, start + shortest)))


def log_odds(probabilities: np.ndarray, *, background: np.ndarray | None = None, pseudo: float = 0.01) -> np.ndarray:
    """Log2 of probability over background (position, base); `pseudo` of the background is mixed in."""
    background = np.full(4, 0.25) if background is None else background
    mixed = (1 - pseudo) * probabilities / probabilities.sum(axis=1, keepdims=True) + pseudo * background
    return np.log2(mixed / background)
