"""Batches of regions as the discriminator reads them: simulated under given values, or observed. No torch here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.encode.central_sites import central_range, code_central
from chiasma.encode.haplotypes import segregating
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.simulate.central_regions import decode_central

Batch = tuple[np.ndarray, np.ndarray]
"""Codes int8 (batch, haplotype, site) and distances float32 (batch, site)."""
Observed = Callable[[int], Batch]
"""So many observed regions, others at every call."""


def stack(regions: list[Batch]) -> Batch:
    """Regions as one batch."""
    return np.stack([codes for codes, _ in regions]), np.stack([distances for _, distances in regions])


def simulate_batch(config: Config, values: dict[str, float], *, number: int, seed: int) -> Batch:
    """Encoded regions under these values."""
    made = examples.trees(config, values, number=number, seed=seed)
    return stack([decode_central(ts, sites=config.sites, tell_first=config.faithful) for ts in made])


def encode_examples(config: Config, data: Dataset) -> Batch:
    """Regions as they come, real or simulated: the central ones of their segregating sites.

    With `faithful`, simulated ones tell the distance before the first site, as those that are made in the game do;
    real ones never do. That is the leak of the original.
    """
    regions = []
    for example in data.x:  # type: ignore[union-attr]
        alleles, positions = example["alleles"], example["positions"]
        index = np.flatnonzero(segregating(alleles))
        low, high = central_range(len(index), config.sites)
        kept = index[low:high]
        before = None
        if config.faithful and "target" in example and high > low:  # only simulated regions carry what they answer
            before = float(positions[index[max(low - 1, 0)]])
        regions.append(
            code_central(alleles[:, kept], positions[kept], config.length, sites=config.sites, before=before)
        )
    return stack(regions)


def observed_of(config: Config, data: Dataset) -> Batch:
    """The observed regions of a data set, encoded.

    Raises:
        InsufficientDataError: none is observed.
    """
    known = np.ones(len(data), bool) if data.target.kind == "none" else data.target.values == 1
    if not known.any():
        raise InsufficientDataError("no region is observed", expected="regions of class observed")
    return encode_examples(config, data.take(np.flatnonzero(known)))


def observed_in(config: Config, data: Dataset, *, seed: int) -> Observed:
    """Minibatches of the observed regions in `data`, drawn from them again and again."""
    codes, distances = observed_of(config, data)
    rng = generator(seed, "pg-gan", "observed")

    def draw(number: int) -> Batch:
        index = rng.integers(len(codes), size=number)
        return codes[index], distances[index]

    return draw
