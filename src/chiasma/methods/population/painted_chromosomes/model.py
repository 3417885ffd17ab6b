"""Two networks that find a selected site: a heat map along the chromosome, and an object detector on its image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from chiasma.core.checks import require_module
from chiasma.encode.painted import CHANNELS
from chiasma.methods.population.painted_chromosomes.config import Config

_WIDEST = 16
"""Columns: dilations of the heat map's blocks double up to this."""
_STRIDE = 32
"""Pixels for one place of the detector's coarsest feature map."""
_FLOOR = 0.02
"""Intervals of the heat map with less probability are not drawn."""


def build(config: Config, outputs: int) -> nn.Module:
    """The network of a configuration.

    The heat map: forward(statistics) -> log-probabilities of the site's column, or of none (batch, column + 1). The
    detector: forward(pixels) -> logits of being a selected site (batch, box), and boxes (batch, box, 4): middle along
    the chromosome and across it, then size, as shares of the image.
    """
    return Detector(config) if config.network == "detector" else HeatMap(config)


class HeatMap(nn.Module):
    """Dilated convolutions along the chromosome; the answer does not depend on the order of haplotypes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        channels, pad = config.filters, config.width // 2
        self.norm = nn.BatchNorm1d(len(CHANNELS))
        self.first = nn.Conv1d(len(CHANNELS), channels, config.width, padding=pad)
        spread = [min(2**layer, _WIDEST) for layer in range(config.layers)]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels, channels, config.width, padding=pad * d, dilation=d),
                nn.ReLU(),
                nn.Dropout1d(config.dropout),
                nn.Conv1d(channels, channels, 1),
            )
            for d in spread
        )
        self.heat = nn.Conv1d(channels, 1, 1)
        self.none = nn.Linear(2 * channels, 1)

    def forward(self, statistics: Tensor) -> Tensor:
        """Statistics float (batch, channel, column) -> log-probabilities (batch, column + 1), the last one of none."""
        x = functional.relu(self.first(self.norm(statistics)))  # (batch, channel, column)
        for block in self.blocks:
            x = functional.relu(x + block(x))
        pooled = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)
        return torch.cat([self.heat(x)[:, 0], self.none(pooled)], dim=1).log_softmax(dim=1)


class Detector(nn.Module):
    """RT-DETR of transformers on a painted image, weights at random: nothing is downloaded.

    Boxes are proposed from every place of its three feature maps, so that it learns in tens of passes where a plain
    DETR needs hundreds. Images are padded to what its strides divide.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        transformers: Any = require_module("transformers", extra="detection")
        backbone = transformers.RTDetrResNetConfig(
            num_channels=1,
            embedding_size=config.backbone[0],
            hidden_sizes=list(config.backbone),
            depths=[config.blocks] * len(config.backbone),
            layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        )
        width = config.model_width
        settings = transformers.RTDetrConfig(
            use_timm_backbone=False,
            backbone_config=backbone,
            freeze_backbone_batch_norms=False,
            encoder_in_channels=list(config.backbone[1:]),
            encoder_hidden_dim=width,
            encoder_ffn_dim=2 * width,
            encoder_attention_heads=4,
            hidden_expansion=0.5,
            d_model=width,
            decoder_in_channels=[width] * 3,
            decoder_ffn_dim=2 * width,
            decoder_layers=config.decoder_layers,
            decoder_attention_heads=4,
            num_queries=config.queries,
            num_denoising=config.queries,
            num_labels=1,
            dropout=config.dropout,
        )
        network = transformers.RTDetrForObjectDetection(settings)
        self.network = network.to(memory_format=torch.channels_last)  # a quarter less time on a CPU

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels float (batch, row, column) in -1 to 1 -> logits (batch, box), boxes (batch, box, 4)."""
        found = self.network(pixel_values=_padded(pixels))
        return found.logits[:, :, 0], found.pred_boxes / _shrunk(pixels)

    def loss(self, pixels: Tensor, boxes: list[Tensor]) -> Tensor:
        """Of boxes matched to those that are there (box, 4), as RT-DETR weighs class, distance and overlap."""
        shrunk = _shrunk(pixels)
        labels = [
            {"class_labels": torch.zeros(len(one), dtype=torch.long, device=one.device), "boxes": one * shrunk}
            for one in boxes
        ]
        return self.network(pixel_values=_padded(pixels), labels=labels).loss


def _padded(pixels: Tensor) -> Tensor:
    """Images (batch, 1, row, column) with columns and rows of 0, as without a call, up to a multiple of the stride."""
    rows, columns = pixels.shape[1:]
    return functional.pad(pixels, (0, -columns % _STRIDE, 0, -rows % _STRIDE))[:, None]


def _shrunk(pixels: Tensor) -> Tensor:
    """Of middle and size of a box, the share of the image that is left once it is padded (4,)."""
    rows, columns = pixels.shape[1:]
    along, across = (size / (size + -size % _STRIDE) for size in (columns, rows))
    return torch.tensor([along, across, along, across], device=pixels.device)


def heat_scores(log_probability: Tensor, box: int) -> Tensor:
    """Scores of columns by what a heat map says: those of the intervals that it draws.

    An interval is drawn where it is expected to share most columns with the one around the site, and its score is the
    probability that the site lies in it. What lies in it is then taken away, and the next is drawn, as long as it
    keeps clear of those before it.

    Args:
        log_probability: of each column, and of none (batch, column + 1).
        box: columns of an interval, odd; at the chromosome's ends it is cut off.

    Returns:
        float64 (batch, column), 0 outside the intervals.
    """
    left = log_probability.double().exp()[:, :-1].clone()
    scores, columns, half = torch.zeros_like(left), left.shape[1], box // 2
    free = torch.ones_like(left, dtype=torch.bool)
    place = torch.arange(columns, device=left.device)
    shared = 1 - torch.arange(1 - box, box, device=left.device).abs().to(left) / box  # with an interval so far away
    for _ in range(-(-columns // box)):
        expected = functional.conv1d(left[:, None], shared[None, None], padding=box - 1)[:, 0]
        best = torch.where(free, expected, -1.0).argmax(dim=1)
        inside = (place - best[:, None]).abs() <= half
        score = (left * inside).sum(dim=1, keepdim=True)
        drawn = inside & free.any(dim=1, keepdim=True) & (score >= _FLOOR)
        if not drawn.any():
            break
        scores = torch.where(drawn, score, scores)
        left = torch.where(inside, 0.0, left)
        free &= (place - best[:, None]).abs() > 2 * half
    return scores.clamp(0, 1)


def box_scores(logits: Tensor, boxes: Tensor, columns: int) -> Tensor:
    """Scores of columns by what a detector says: the highest of the boxes that lie over a column's middle.

    Args:
        logits: of being a selected site (batch, box).
        boxes: middle and size as shares of the image (batch, box, 4).
        columns: of the image.

    Returns:
        float64 (batch, column).
    """
    score = logits.double().sigmoid()
    middle, width = boxes[:, :, 0].double() * columns, boxes[:, :, 2].double() * columns
    place = torch.arange(columns, device=boxes.device) + 0.5
    over = (place - middle[:, :, None]).abs() <= width[:, :, None] / 2  # (batch, box, column)
    return torch.where(over, score[:, :, None], 0.0).amax(dim=1)
