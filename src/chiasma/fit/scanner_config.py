"""Settings shared by networks that begin with a motif scanner and end in a dense head. No torch here."""

from __future__ import annotations

from pydantic import Field, field_validator

from chiasma.core.config import Config
from chiasma.fit.config import TrainingConfig


class ScannerConfig(Config):
    """What such a network reads, its scanner, its bins and its head; methods set defaults of their own."""

    width: int = Field(default=19, ge=1, description="bases each motif detector sees, odd (Basset: 19)")
    pool: int = Field(default=4, ge=1, description="positions in a bin after the scanner")
    bins: int = Field(default=4, ge=1, description="stretches into which the head divides a sequence")
    hidden: int = Field(default=64, ge=1, description="units of the hidden dense layer")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of units left out in training")
    length: int | None = Field(default=None, ge=1, description="bases read; by default the longest, up to 4096")
    reverse_complement: bool = Field(
        default=True, description="train on both strands at random, predict the mean over both"
    )
    max_shift: int = Field(default=3, ge=0, description="bases by which a training sequence is moved, at most")
    training: TrainingConfig = TrainingConfig(epochs=10, learning_rate=2e-3, schedule="one-cycle")

    @field_validator("width", "layer_width", check_fields=False)
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd, so that a window has a centre")
        return value

    @property
    def shortest(self) -> int:
        """Bases that the network needs at least."""
        return self.width + self.pool
