"""Counts of two sets of cells of the same three types, with a drift of every gene between the sets."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted_tables import two_sets_of_cells


def example(seed: int) -> Dataset:
    """A hundred and fifty cells and 120 genes; the set of each cell is in column `set`."""
    return two_sets_of_cells(seed, name="cca-anchors-example")
