"""Regions with a complete or partial sweep in the middle window, in another one, or none, by (run seed, index)."""

from __future__ import annotations

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.methods.population.partialshic.config import Config, tiny
from chiasma.simulate.sweep_examples import (
    design as design,
    draw as draw,
    feature_set as feature_set,
    held_out as held_out,
    resized as resized,
    sample_sizes as sample_sizes,
    simulate as simulate,
    simulated_dataset as simulated_dataset,
    statistics as statistics,
    target_names as target_names,
    tree_sequence as tree_sequence,
)

CLASSES = Config.classes


def example(seed: int) -> Dataset:
    """A few dozen small regions."""
    return simulated_dataset(tiny(), seed, np.arange(63))
