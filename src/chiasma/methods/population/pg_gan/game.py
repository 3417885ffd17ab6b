"""The two players: regions simulated under a vector of parameters, and the discriminator that is trained on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.encode.central_sites import central_range, code_central
from chiasma.encode.haplotypes import segregating
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.nn.haplotype_discriminator import HaplotypeDiscriminator, logits
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


class Game:
    """Discriminator, its optimiser, and the streams of what is simulated.

    Args:
        config: of the method.
        observed: the real regions.
        seed: of weights, dropout and simulations.
    """

    def __init__(self, config: Config, observed: Observed, *, seed: int) -> None:
        self.config, self.observed, self.seed = config, observed, seed
        self.simulated = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "pg-gan", "weights"))
            self.model = HaplotypeDiscriminator(
                examples.sample_sizes(config), sites=config.sites, dropout=config.dropout
            )
        self.optimiser = torch.optim.Adam(self.model.parameters(), config.learning_rate)

    def batch(self, values: dict[str, float]) -> Batch:
        """A fresh batch under these values."""
        self.simulated += 1
        place = derive_seed(self.seed, "pg-gan", "batch", self.simulated)
        return simulate_batch(self.config, values, number=self.config.batch, seed=place)

    def train(self, values: dict[str, float], batches: int) -> tuple[float, float]:
        """Train the discriminator; the share it has right in the last minibatch, of observed and of simulated."""
        right = (0.0, 0.0)
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, "pg-gan", "dropout", self.simulated))
            for _ in range(batches):
                real = logits(self.model, *self.observed(self.config.batch))
                fake = logits(self.model, *self.batch(values))
                loss = _cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                right = (float((real > 0).float().mean()), float((fake <= 0).float().mean()))
        self.model.eval()
        return right

    def loss(self, values: dict[str, float]) -> float:
        """Of the generator: how far one batch is from being taken for real."""
        self.model.eval()
        with torch.no_grad():
            return float(_cross_entropy(logits(self.model, *self.batch(values)), 1.0))


def _cross_entropy(found: torch.Tensor, label: float) -> torch.Tensor:
    return binary_cross_entropy_with_logits(found, torch.full_like(found, label))
