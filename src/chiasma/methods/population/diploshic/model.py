"""The network of diploS/HIC (Kern and Schrider 2018): three branches of convolutions over statistics and windows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chiasma.methods.population.diploshic.config import Config
from chiasma.stats.popgen.features import ROWS, WINDOWS


def build(config: Config, outputs: int) -> nn.Module:
    """The network of a configuration; forward(grid) -> logits of the classes (batch, output)."""
    return Network(config, outputs)


class Network(nn.Module):
    """One branch of 3 x 3 filters and two of dilated 2 x 2 filters, joined by dense layers."""

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        rows, filters = len(ROWS[config.statistics]), config.filters
        # 12 x 11 -> 4 x 4 at the one, 6 x 5 at the two others
        self.branches = nn.ModuleList(
            [
                _branch(filters, size=3, dilation=(1, 1), pool=nn.MaxPool2d(3, ceil_mode=True)),
                _branch(filters, size=2, dilation=(1, 3), pool=nn.MaxPool2d(2)),
                _branch(filters, size=2, dilation=(1, 4), pool=nn.MaxPool2d(2)),
            ]
        )
        joined = filters // 2 * (-(-rows // 3) * -(-WINDOWS // 3) + 2 * (rows // 2) * (WINDOWS // 2))
        first, second = config.hidden
        self.hidden_width = second
        self.dense = nn.Sequential(
            nn.Linear(joined, first),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(second, outputs),
        )

    def forward(self, grid: Tensor) -> Tensor:
        """Scaled statistics (batch, statistic, window)."""
        return self.answer(self.hidden(grid))

    def hidden(self, grid: Tensor) -> Tensor:
        """The last hidden layer (batch, unit)."""
        image = grid[:, None]  # (batch, channel=1, statistic, window)
        return self.dense[:-1](torch.cat([branch(image).flatten(1) for branch in self.branches], dim=1))

    def answer(self, hidden: Tensor) -> Tensor:
        """Logits (batch, output) that follow from the last hidden layer."""
        return self.dense[-1](hidden)


def _branch(filters: int, *, size: int, dilation: tuple[int, int], pool: nn.Module) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((1, filters), (filters, filters // 2)):
        # as Keras pads "same": what is odd goes to the end
        down, along = (step * (size - 1) for step in dilation)
        sides = (along // 2, along - along // 2, down // 2, down - down // 2)
        layers += [nn.ZeroPad2d(sides), nn.Conv2d(before, after, size, dilation=dilation), nn.ReLU()]
    return nn.Sequential(*layers, pool, nn.Dropout(0.15))
