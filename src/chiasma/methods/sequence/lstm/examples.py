"""A minimal input for the contract tests."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted import planted_motifs


def example(seed: int) -> Dataset:
    """Short sequences of varying length, half of them with a planted CTCF motif."""
    return planted_motifs(seed)
