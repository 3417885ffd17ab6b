"""Settings of the recurrent network."""

from __future__ import annotations

from pydantic import Field

from chiasma.fit.config import TrainingConfig
from chiasma.fit.scanner_config import ScannerConfig


class Config(ScannerConfig):
    """A motif scanner, a bidirectional LSTM that reads its bins in order both ways, and a dense head."""

    filters: int = Field(default=64, ge=1, description="motif detectors (DanQ: 320)")
    width: int = Field(default=19, ge=1, description="bases each motif detector sees, odd (DanQ: 26)")
    pool: int = Field(default=5, ge=1, description="positions in a bin after the scanner (DanQ: 13)")
    units: int = Field(default=48, ge=1, description="units of the LSTM in each direction (DanQ: 320)")
    layers: int = Field(default=1, ge=1, description="LSTM layers, one on the other")
    training: TrainingConfig = TrainingConfig(
        epochs=5, min_steps=800, patience=8, batch_size=128, learning_rate=3e-3, schedule="one-cycle"
    )


def default() -> Config:
    """For peaks and promoters of 50 to 1,000 bases."""
    return Config()


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    training = TrainingConfig(epochs=12, batch_size=16, learning_rate=1e-2, schedule="constant")
    return Config(filters=8, width=9, units=8, bins=2, hidden=8, dropout=0.1, max_shift=1, training=training)


PRESETS = {"default": default, "tiny": tiny}

SEARCH = {"training.learning_rate": (1e-3, 2e-3, 4e-3), "dropout": (0.1, 0.3, 0.5), "filters": (32, 64, 128)}
"""What `--tries` draws from."""
