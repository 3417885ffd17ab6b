"""Small networks whose explanation is known, or exercises every rule."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from chiasma.nn.attention import AttentionBlock


def random_codes(n: int, length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def cnn() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv1d(4, 8, 7, padding=3),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Conv1d(8, 8, 3),
        nn.ELU(),
        nn.AvgPool1d(2),
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.Sigmoid(),
        nn.Linear(6, 2),
    )


class Functional(nn.Module):
    """Functional activations, a layer used twice, products, overlapping max-pooling, softmax at the end."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first, self.shared, self.last = (
            nn.Conv1d(4, 8, 7, padding=3),
            nn.Conv1d(8, 8, 3, padding=1),
            nn.Linear(8, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = functional.max_pool1d(functional.relu(self.first(x)), 4, 2)
        h = functional.gelu(self.shared(h))
        h = torch.sigmoid(self.shared(h)) * h
        h = torch.tanh(h).exp() / (1 + h.square())
        return torch.softmax(self.last(h.amax(-1)), 1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.lstm, self.last = nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True), nn.Linear(12, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.lstm(x.transpose(1, 2))[0].mean(1))


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.gru, self.last = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.gru(x.transpose(1, 2))[0].mean(1))


class Transformer(nn.Module):
    """Torch's own encoder layer, then ours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stem = nn.Conv1d(4, 16, 5, padding=2)
        self.theirs = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.ours, self.last = AttentionBlock(16, heads=2), nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.ours(self.theirs(self.stem(x).transpose(1, 2)))
        return self.last(h.max(1)[0])


class Scanner(nn.Module):
    """ReLU of a matrix's best match; positions outside the best match cannot matter."""

    def __init__(self, word: str = "TGACTCA") -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 1, len(word))
        weight = -torch.ones(1, 4, len(word))
        for position, base in enumerate(word):
            weight[0, "ACGT".index(base), position] = 1.0
        self.conv.weight.data, self.conv.bias.data = weight, torch.tensor([2.5 - len(word)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(x)).amax(-1)


class Linear(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.weight = torch.randn(4, length, generator=torch.Generator().manual_seed(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.weight).sum((1, 2))[:, None]
