"""The network of partialS/HIC (Xue et al. 2021): two convolutions over statistics and windows."""

from __future__ import annotations

from torch import Tensor, nn

from chiasma.methods.population.partialshic.config import Config
from chiasma.stats.popgen.features import ROWS, WINDOWS


def build(config: Config, outputs: int) -> nn.Module:
    """The network of a configuration; forward(grid) -> logits of the classes (batch, output)."""
    return Network(config, outputs)


class Network(nn.Module):
    """Filters of 3 statistics x 6 windows without an activation, then of 3 x 3, then dense layers."""

    def __init__(self, config: Config, outputs: int) -> None:
        super().__init__()
        filters, (first, second) = config.filters, config.hidden
        self.hidden_width = second
        rows, columns = len(ROWS["partial"]), WINDOWS
        for _ in range(2):  # 89 x 11 -> 30 x 4 -> 10 x 2
            rows, columns = -(-rows // 3), -(-columns // 3)
        self.layers = nn.Sequential(
            nn.ZeroPad2d((2, 3, 1, 1)),  # as Keras pads "same": what is odd goes to the end
            nn.Conv2d(1, filters, (3, 6)),
            nn.MaxPool2d(3, ceil_mode=True),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, ceil_mode=True),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(filters * rows * columns, first),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(second, outputs),
        )

    def forward(self, grid: Tensor) -> Tensor:
        """Scaled statistics (batch, statistic, window)."""
        return self.answer(self.hidden(grid))

    def hidden(self, grid: Tensor) -> Tensor:
        """The last hidden layer (batch, unit)."""
        return self.layers[:-1](grid[:, None])  # (batch, channel=1, statistic, window)

    def answer(self, hidden: Tensor) -> Tensor:
        """Logits (batch, output) that follow from the last hidden layer."""
        return self.layers[-1](hidden)
