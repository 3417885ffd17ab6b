"""Motifs found in attributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.data.motif import consensus, information


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


def informative_span(probabilities: np.ndarray, *, least: float = 0.25, shortest: int = 5) -> slice:
    """The span between the outermost positions of at least `least` bits, widened to `shortest`."""
    strong = np.flatnonzero(information(probabilities) >= least)
    start, end = (int(strong[0]), int(strong[-1]) + 1) if len(strong) else (0, len(probabilities))
    missing = max(0, shortest - (end - start))
    start = max(0, start - missing // 2)
    return slice(start, min(len(probabilities), max(end, start + shortest)))
