"""A minimal input for the contract tests."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted_tracks import planted_tracks


def example(seed: int) -> Dataset:
    """Windows of 1,024 bases with planted motifs and four tracks that answer to them."""
    return planted_tracks(seed, bin=32, crop=4)
