"""A small problem for layouts: four classes on a ring, too many features to see it in any two of them."""

from __future__ import annotations

from chiasma.data.dataset import Dataset
from chiasma.simulate.planted_tables import classes_on_a_ring


def example(seed: int) -> Dataset:
    """Eighty samples, twenty a class; thirty features follow two axes on which the classes lie around a ring."""
    return classes_on_a_ring(seed, name="tsne-example")
