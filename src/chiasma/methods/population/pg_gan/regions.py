"""Batches of regions as the discriminator reads them: simulated under given values, or observed. No torch here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
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
    """Regions as they come, real or simulated: the central ones of their segregating sites."""
    regions = []
    for example in data.x:  # type: ignore[union-attr]
        alleles = example["alleles"]
        index = np.flatnonzero(segregating(alleles))
        low, high = central_range(len(index), config.sites)
        kept = index[low:high]
        regions.append(code_central(alleles[:, kept], example["positions"][kept], config.length, sites=config.sites))
    return stack(regions)


def observed_in(config: Config, data: Dataset, *, seed: int) -> Observed:
    """Where observed regions come from: drawn anew where they are simulated truth, else drawn from those in `data`."""
    if isinstance(data.x, Simulated) and data.x.simulate is examples.simulate:
        counter = iter(range(2**62))

        def anew(number: int) -> Batch:
            place = derive_seed(seed, "pg-gan", "truth", next(counter))
            return simulate_batch(config, examples.truth(config), number=number, seed=place)

        return anew
    known = np.ones(len(data), bool) if data.target.kind == "none" else data.target.values == 1
    codes, distances = encode_examples(config, data.take(np.flatnonzero(known)))
    rng = generator(seed, "pg-gan", "observed")

    def again(number: int) -> Batch:
        index = rng.integers(len(codes), size=number)
        return codes[index], distances[index]

    return again
