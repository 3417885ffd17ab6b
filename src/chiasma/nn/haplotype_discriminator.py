"""The discriminator of pg-gan (Wang et al. 2021): exchangeable haplotypes, summed within each population.

`forward` gives what the published layers give, for less: the distances, the same for all haplotypes of a region, are
convolved once, and stretches of haplotypes that are identical are convolved once and counted. `dense` convolves
every haplotype with its row of distances, as published.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from chiasma.nn.haplotype_patterns import SHORT, Patterns, find_patterns, widths

FILTERS, DEEPER, HIDDEN = 32, 64, 128


class HaplotypeDiscriminator(nn.Module):
    """Regions to logits that they are real: 76,577 parameters with one population and 36 sites.

    Args:
        sizes: haplotypes of each population, in row order; the convolutions are shared by all.
        sites: columns.
        dropout: share of units left out after each dense layer, in training.
    """

    def __init__(self, sizes: tuple[int, ...], *, sites: int = 36, dropout: float = 0.5) -> None:
        super().__init__()
        self.sizes, self.sites = tuple(sizes), sites
        self.first = nn.Conv1d(2, FILTERS, 5)
        self.second = nn.Conv1d(FILTERS, DEEPER, 5)
        self.dense1 = nn.Linear(len(sizes) * widths(sites)[1] * DEEPER, HIDDEN)
        self.dense2 = nn.Linear(HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)
        # as Keras begins, since the published budget of steps was found with it
        for layer in (self.first, self.second, self.dense1, self.dense2, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, patterns: Patterns, distances: Tensor) -> Tensor:
        """Logits (batch,) of regions given as patterns, with distances between sites (batch, site)."""
        return self.answer(self._hidden(self.pooled(patterns, distances)))

    def hidden(self, patterns: Patterns, distances: Tensor) -> Tensor:
        """The last hidden layer (batch, 128); no dropout in `eval` mode."""
        return self._hidden(self.pooled(patterns, distances))

    def dense(self, alleles: Tensor, distances: Tensor) -> Tensor:
        """The same logits from alleles -1, 0, 1 float (batch, haplotype, site), every haplotype convolved."""
        batch, rows, sites = alleles.shape
        both = torch.stack([alleles, distances[:, None].expand(-1, rows, -1)], dim=2)
        x = functional.max_pool1d(functional.relu(self.first(both.reshape(batch * rows, 2, sites))), 2)
        x = functional.max_pool1d(functional.relu(self.second(x)), 2)
        x = x.reshape(batch, rows, DEEPER, -1)
        sums = [block.sum(dim=1).transpose(1, 2).flatten(1) for block in torch.split(x, list(self.sizes), dim=1)]
        return self.answer(self._hidden(torch.cat(sums, dim=1)))

    def pooled(self, patterns: Patterns, distances: Tensor) -> Tensor:
        """Sums over haplotypes (batch, population * column * channel)."""
        first, second = widths(patterns.sites)
        device = distances.device
        near = functional.conv1d(distances[:, None], self.first.weight[:, 1:], self.first.bias)
        near = near[:, :, : 2 * first].transpose(1, 2).reshape(-1, 2, FILTERS)  # (region and column, 2, filter)
        short = torch.as_tensor(patterns.short, device=device)
        pair = torch.stack([short[:, :5], short[:, 1:]], dim=1) @ self.first.weight[:, 0].T
        pair = pair + near.index_select(0, torch.as_tensor(patterns.short_at, device=device))
        once = functional.relu(pair.amax(dim=1))  # (stretch, filter)
        kernel = self.second.weight.permute(2, 1, 0).reshape(5 * FILTERS, DEEPER)
        index = torch.as_tensor(patterns.long, device=device)
        wide = once.index_select(0, index.flatten()).reshape(len(index), SHORT * FILTERS)
        sums = torch.stack([wide[:, : 5 * FILTERS] @ kernel, wide[:, FILTERS:] @ kernel], dim=1)
        assert self.second.bias is not None
        deep = functional.relu(sums.amax(dim=1) + self.second.bias)
        counts = torch.as_tensor(patterns.counts, device=device)
        weighted = (counts[:, :, None] * deep[:, None]).flatten(1)
        total = weighted.new_zeros(patterns.regions * second, weighted.shape[1])
        total = total.index_add(0, torch.as_tensor(patterns.long_at, device=device), weighted)
        shaped = total.reshape(patterns.regions, second, len(self.sizes), DEEPER)
        return shaped.transpose(1, 2).flatten(1)

    def _hidden(self, pooled: Tensor) -> Tensor:
        x = self.dropout(functional.relu(self.dense1(pooled)))
        return functional.relu(self.dense2(x))

    def answer(self, hidden: Tensor) -> Tensor:
        """Logits (batch,) that follow from the last hidden layer (batch, 128)."""
        return self.out(self.dropout(hidden))[:, 0]


def logits(model: HaplotypeDiscriminator, alleles: np.ndarray, distances: np.ndarray) -> Tensor:
    """Logits (batch,) of alleles int8 (batch, haplotype, site) and distances float32 (batch, site)."""
    device = model.out.weight.device
    return model(find_patterns(alleles, model.sizes), torch.as_tensor(distances, device=device))
