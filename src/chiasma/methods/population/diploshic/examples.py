"""Regions with a sweep in the middle window, in another one, or none, addressable by (run seed, index)."""

from __future__ import annotations

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.methods.population.diploshic.config import Config, tiny
from chiasma.simulate.sweep_examples import *  # noqa: F403 - what its __all__ names is of this method too
from chiasma.simulate.sweep_examples import simulated_dataset

CLASSES = Config.classes


def example(seed: int) -> Dataset:
    """A few dozen small regions."""
    return simulated_dataset(tiny(), seed, np.arange(60))
