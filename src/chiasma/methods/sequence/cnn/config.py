"""Settings of the convolutional network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.fit.config import TrainingConfig
from chiasma.fit.scanner_config import ScannerConfig


class Config(ScannerConfig):
    """A wide motif scanner, residual convolutions that see how motifs lie together, and a dense head."""

    filters: int = Field(default=64, ge=1, description="motif detectors, and channels from there on")
    activation: Literal["relu", "exp"] = Field(default="relu", description="of the first layer; exp sharpens motifs")
    layers: int = Field(default=3, ge=0, description="residual convolutions over bins")
    layer_width: int = Field(default=5, ge=1, description="bins each residual convolution sees, odd")
    dilation_growth: int = Field(default=2, ge=1, description="factor by which dilation grows from layer to layer")
    bins: int = Field(default=8, ge=1, description="stretches into which the head divides a sequence")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="share of units left out in training")
    training: TrainingConfig = TrainingConfig(
        epochs=6, min_steps=800, patience=8, batch_size=128, learning_rate=2e-3, schedule="one-cycle"
    )

    @property
    def receptive_field(self) -> int:
        """Bases that one bin of the last convolution sees."""
        dilations = [self.dilation_growth**layer for layer in range(self.layers)]
        bins = 1 + (self.layer_width - 1) * sum(dilations)
        return self.width - 1 + bins * self.pool


def default() -> Config:
    """For peaks and promoters of 50 to 1,000 bases."""
    return Config()


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    training = TrainingConfig(epochs=12, batch_size=16, learning_rate=5e-3, schedule="constant")
    return Config(filters=8, width=9, layers=1, bins=2, hidden=8, dropout=0.1, max_shift=1, training=training)


PRESETS = {"default": default, "tiny": tiny}

SEARCH = {"training.learning_rate": (1e-3, 2e-3, 4e-3), "dropout": (0.1, 0.3, 0.5), "filters": (32, 64, 128)}
"""What `--tries` draws from."""
