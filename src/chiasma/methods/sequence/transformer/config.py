"""Settings of the transformer."""

from __future__ import annotations

from pydantic import Field, model_validator

from chiasma.fit.config import TrainingConfig
from chiasma.fit.scanner_config import ScannerConfig


class Config(ScannerConfig):
    """A stem that makes tokens of DNA, self-attention among them, and a dense head."""

    stem: bool = Field(
        default=True,
        description="make tokens with a motif scanner; without it a token is one embedded base, as a rule worse",
    )
    pool: int = Field(default=4, ge=1, description="bases in a token")
    channels: int = Field(default=64, ge=2, description="channels of a token, even")
    heads: int = Field(default=4, ge=1, description="attention heads; divides channels")
    layers: int = Field(default=2, ge=1, description="attention blocks")
    expansion: int = Field(default=2, ge=1, description="hidden units of a block's network, as a multiple of channels")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of units left out in training")
    training: TrainingConfig = TrainingConfig(
        epochs=4, min_steps=800, patience=8, batch_size=128, learning_rate=2e-3, schedule="one-cycle"
    )

    @model_validator(mode="after")
    def _shapes(self) -> Config:
        if self.channels % 2 or self.channels % self.heads:
            raise ValueError("channels must be even and a multiple of heads")
        return self


def default() -> Config:
    """For peaks and promoters of 50 to 1,000 bases."""
    return Config()


def single_base() -> Config:
    """Tokens of one base and no stem: the plain transformer, kept to show what the stem brings."""
    return Config(stem=False, pool=1, layers=2)


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    training = TrainingConfig(epochs=12, batch_size=16, learning_rate=5e-3, schedule="constant")
    sizes = {"width": 9, "channels": 8, "heads": 2, "layers": 1, "bins": 2, "hidden": 8, "max_shift": 1}
    return Config.parse({**sizes, "training": training})


PRESETS = {"default": default, "tiny": tiny, "single-base": single_base}

SEARCH = {"training.learning_rate": (5e-4, 1e-3, 2e-3), "dropout": (0.05, 0.1, 0.3)}
"""What `--tries` draws from."""
