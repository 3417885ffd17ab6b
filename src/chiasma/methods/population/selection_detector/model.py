"""The discriminator of pg-gan as a detector of selection (Riley, Mathieson and Mathieson 2024)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn

from chiasma.core.errors import MismatchError
from chiasma.fit.checkpoint import load_module
from chiasma.methods.population.selection_detector.config import Config
from chiasma.nn.haplotype_discriminator import HIDDEN, HaplotypeDiscriminator
from chiasma.nn.haplotype_patterns import find_patterns


def build(config: Config, outputs: int) -> nn.Module:
    """The network of a configuration; forward(alleles, distances) -> logits of selection (batch,)."""
    return Detector(config)


class Detector(nn.Module):
    """One logit a region, whatever the order of its haplotypes."""

    hidden_width = HIDDEN

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sizes = (config.haplotypes,)
        self.network = HaplotypeDiscriminator(self.sizes, sites=config.sites, dropout=config.dropout)
        if config.freeze:
            for layer in (self.network.first, self.network.second):
                layer.requires_grad_(False)

    def forward(self, alleles: Tensor, distances: Tensor) -> Tensor:
        """Codes -1, 0 and 1 int8 (batch, haplotype, site), distances (batch, site)."""
        return self.network(find_patterns(alleles.cpu().numpy(), self.sizes), distances)

    def hidden(self, alleles: Tensor, distances: Tensor) -> Tensor:
        """The last hidden layer (batch, 128)."""
        return self.network.hidden(find_patterns(alleles.cpu().numpy(), self.sizes), distances)

    def answer(self, hidden: Tensor) -> Tensor:
        """Logits (batch,) that follow from the last hidden layer."""
        return self.network.answer(hidden)

    def weights(self) -> np.ndarray:
        """With which each unit of the last hidden layer enters the logit of selection (unit,)."""
        return self.network.out.weight.detach().cpu().double().numpy()[0]

    def begin_with(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the weights of a discriminator that pg-gan trained, from the arrays of its state, to fine-tune them.

        Raises:
            MismatchError: the state holds none.
        """
        prefix = "discriminator."
        weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if not weights:
            raise MismatchError("no discriminator in this state", expected="the state of a fitted pg-gan")
        load_module(self.network, weights)
