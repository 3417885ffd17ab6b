"""The exchangeable network, and the published ones (Flagel, Brandvain & Schrider 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from chiasma.methods.population.haplotype_cnn.config import Config
from chiasma.methods.population.haplotype_cnn.examples import sample_sizes

_LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Sites between the pairs whose linkage disequilibrium the exchangeable network is given."""
_GROUPS = 8
"""Groups of like size into which a batch is cut."""


def build(config: Config, outputs: int) -> nn.Module:
    """The network of a configuration; forward(alleles, positions, n_sites) -> (batch, output)."""
    sizes = sample_sizes(config)
    if config.architecture == "published":
        return Published(LAYERS[config.target], sum(sizes), config.encoding.sites, outputs)
    return Exchangeable(config, sizes, outputs)


class Exchangeable(nn.Module):
    """Filters along each haplotype, moments over haplotypes at each site, then filters along sites.

    The output does not depend on the order of haplotypes within a population nor on padding, and the number of
    haplotypes and sites is free.
    """

    def __init__(self, config: Config, sizes: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.sizes, self.width = sizes, config.width
        rows, channels = config.row_filters, config.filters
        self.along_row = nn.Linear(config.width, rows, bias=False)
        # distances are the same in every row: their filters run once, not once a haplotype
        self.distances = nn.Conv1d(2, rows, config.width, padding=config.width // 2)
        pooled = (2 * rows + 1 + 2 * len(_LAGS)) * len(sizes) + 2
        widths = [pooled, channels, channels, channels]
        self.along_sites = nn.ModuleList(
            nn.Conv1d(a, b, 5, padding=2 * d, dilation=d) for a, b, d in zip(widths, widths[1:], (1, 2, 4))
        )
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(2 * channels + 2, config.hidden)
        self.out = nn.Linear(config.hidden, outputs)

    def forward(self, alleles: torch.Tensor, positions: torch.Tensor, n_sites: torch.Tensor) -> torch.Tensor:
        """Alleles -1/0/1 float (batch, haplotype, site), positions (batch, site), n_sites (batch,)."""
        order = torch.argsort(n_sites, stable=True)
        outputs = []
        # regions of like size together: columns that are padding for all of a group need not be computed
        for group in torch.tensor_split(order, _GROUPS if len(order) > _GROUPS else 1):
            cut = max(2, min(int(n_sites[group].max()), alleles.shape[2]))
            outputs.append(self._group(alleles[group, :, :cut], positions[group, :cut], n_sites[group]))
        return torch.cat(outputs)[torch.argsort(order)]

    def _group(self, alleles: torch.Tensor, positions: torch.Tensor, n_sites: torch.Tensor) -> torch.Tensor:
        haplotypes, sites = alleles.shape[1:]
        if len(self.sizes) > 1 and sum(self.sizes) != haplotypes:
            raise ValueError(f"{haplotypes} haplotypes, expected {self.sizes}: populations cannot be told apart")
        mask = (torch.arange(sites, device=alleles.device) < n_sites[:, None]).to(alleles.dtype)[:, None]
        gaps = _gaps(positions, mask)  # (batch, 2, site)
        shared = self.distances(gaps).transpose(1, 2)[:, None]  # (batch, 1, site, channel)
        moments = []
        for block in torch.split(alleles, list(self.sizes) if len(self.sizes) > 1 else haplotypes, dim=1):
            half = self.width // 2
            windows = functional.pad(block, (half, half)).unfold(2, self.width, 1)
            rows = functional.relu(self.along_row(windows) + shared)  # (batch, haplotype, site, channel)
            frequency = block.mean(dim=1, keepdim=True)  # (batch, 1, site)
            moments += [rows.mean(dim=1).transpose(1, 2), rows.square().mean(dim=1).transpose(1, 2), frequency]
            moments.append(_linkage(block, mask))
        x = torch.cat([*moments, gaps], dim=1) * mask  # (batch, channel, site)
        for number, layer in enumerate(self.along_sites):
            new = functional.relu(layer(x)) * mask
            x = new if number == 0 else x + new
        count = n_sites.to(x.dtype).clamp(min=1)[:, None]
        mean = x.sum(dim=2) / count
        size = torch.log1p(n_sites.to(x.dtype))[:, None] / 4
        features = torch.cat([mean, x.amax(dim=2), size, 1 / count], dim=1)
        return self.out(functional.relu(self.dense(self.dropout(features))))


def _linkage(alleles: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """r2 of each site with the one so many sites on, and whether they show all four gametes (batch, 2 lags, site)."""
    frequency = alleles.mean(dim=1)  # (batch, site), of codes -1 and 1
    channels = []
    for lag in _LAGS:
        if lag >= alleles.shape[2]:
            channels += [torch.zeros_like(frequency)] * 2
            continue
        p, q = frequency[:, :-lag], frequency[:, lag:]
        both = (alleles[:, :, :-lag] * alleles[:, :, lag:]).mean(dim=1)
        r2 = (both - p * q).square() / ((1 - p * p) * (1 - q * q)).clamp(min=1e-3)
        # the rarest of the four gametes has this frequency, times four
        rarest = torch.stack([1 + p + q + both, 1 + p - q - both, 1 - p + q - both, 1 - p - q + both]).amin(dim=0)
        found = (rarest > 1e-3).to(alleles.dtype)
        channels += [functional.pad(channel * mask[:, 0, lag:], (0, lag)) for channel in (r2, found)]
    return torch.stack(channels, dim=1)


def _gaps(positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Log distance to the site before and the one after, as a fraction of the region (batch, 2, site)."""
    distance = (positions[:, 1:] - positions[:, :-1]).clamp(min=0)
    scaled = torch.log10(distance + 1e-5) / 2 + 1.5
    before, after = functional.pad(scaled, (1, 0)), functional.pad(scaled, (0, 1))
    inner = functional.pad(mask[:, 0, 1:], (0, 1))
    return torch.stack([before * mask[:, 0], after * inner], dim=1)


@dataclass(frozen=True)
class Layers:
    """A published network.

    Attributes:
        convolutions: filters and pooling ("", max, average; two columns into one) of each, all two columns wide.
        dropout: after each pooling.
        places: units that read positions, and their dropout; 0 units where it reads none.
        dense: units and dropout of each dense layer before the last.
        penalty: L2, times the sum of squared kernel weights of all but the last layer.
    """

    convolutions: tuple[tuple[int, str], ...]
    dropout: float
    places: tuple[int, float]
    dense: tuple[tuple[int, float], ...]
    penalty: float = 0.0


LAYERS = {
    "recombination": Layers(((1250, ""), (256, "average"), (256, "average")), 0.25, (64, 0.1), ((256, 0.0),), 1e-4),
    "introgression": Layers(((256, ""), (128, "average"), (128, "average")), 0.25, (0, 0.0), ((128, 0.5), (128, 0.5))),
    "sweeps": Layers(
        ((256, ""), (256, "max"), (256, "max"), (256, "average"), (256, "average")),
        0.2,
        (64, 0.1),
        ((256, 0.25),),
        1e-4,
    ),
    # the script takes the width of the first kernel as an argument; two, as of the others
    "demography": Layers(((128, "average"),) * 4, 0.0, (32, 0.0), ((256, 0.0),)),
}
"""Of each target. Introgression ends in three sigmoids there; here, as all classes do, in a softmax."""


class Published(nn.Module):
    """Haplotypes as channels of convolutions along sites, positions beside them, joined by dense layers."""

    def __init__(self, layers: Layers, haplotypes: int, sites: int, outputs: int) -> None:
        super().__init__()
        self.strength = layers.penalty
        along: list[nn.Module] = []
        channels, length = haplotypes, sites
        for filters, pooling in layers.convolutions:
            along += [nn.Conv1d(channels, filters, 2), nn.ReLU()]
            channels, length = filters, length - 1
            if pooling:
                along += [nn.AvgPool1d(2) if pooling == "average" else nn.MaxPool1d(2), *_dropout(layers.dropout)]
                length //= 2
        self.haplotypes = nn.Sequential(*along, nn.Flatten())
        units, dropped = layers.places
        self.positions = nn.Sequential(nn.Linear(sites, units), nn.ReLU(), *_dropout(dropped)) if units else None
        width = channels * length + units
        dense: list[nn.Module] = []
        for size, dropped in layers.dense:
            dense += [nn.Linear(width, size), nn.ReLU(), *_dropout(dropped)]
            width = size
        self.joined = nn.Sequential(*dense, nn.Linear(width, outputs))

    def forward(self, alleles: torch.Tensor, positions: torch.Tensor, n_sites: torch.Tensor) -> torch.Tensor:
        """Alleles float (batch, haplotype, site), positions (batch, site); n_sites is not used."""
        branches = [self.haplotypes(alleles)]
        if self.positions is not None:
            branches.append(self.positions(positions))
        return self.joined(torch.cat(branches, dim=1))

    def penalty(self) -> torch.Tensor:
        """The published L2 penalty."""
        layers = [m for m in self.modules() if isinstance(m, (nn.Conv1d, nn.Linear))][:-1]
        return self.strength * torch.stack([layer.weight.square().sum() for layer in layers]).sum()


def _dropout(share: float) -> list[nn.Module]:
    return [nn.Dropout(share)] if share else []
