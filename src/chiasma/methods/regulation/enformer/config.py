"""Settings of Enformer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as _Config
from chiasma.fit.config import TrainingConfig


class Config(_Config):
    """A convolutional tower to bins, attention over distances among them, one head for each species."""

    length: int = Field(default=196_608, ge=1, description="bases read; a multiple of the bin")
    crop: int = Field(default=320, ge=0, description="bins left out of the output at each end")
    channels: int = Field(default=1536, ge=2, description="channels of a token; the stem has half of them")
    divisible_by: int = Field(default=128, ge=1, description="channels of the tower are rounded to multiples of this")
    stem_width: int = Field(default=15, ge=1, description="bases that a filter of the first layer sees, odd")
    tower: int = Field(default=6, ge=1, description="blocks of the tower, each halving the positions")
    tower_width: int = Field(default=5, ge=1, description="positions that a filter of the tower sees, odd")
    layers: int = Field(default=11, ge=1, description="transformer blocks")
    attention_heads: int = Field(default=8, ge=1, description="attention heads; divides channels")
    key: int = Field(default=64, ge=1, description="channels of a key in each head")
    position_features: int = Field(default=192, ge=6, description="functions of distance, a multiple of 6")
    dropout: float = Field(default=0.4, ge=0, lt=1, description="share of units left out, an eighth of it at the end")
    attention_dropout: float = Field(default=0.05, ge=0, lt=1, description="share of attention weights left out")
    position_dropout: float = Field(default=0.01, ge=0, lt=1, description="share of values of the basis left out")
    tracks: dict[str, int] = Field(
        default={"human": 5313, "mouse": 1643}, description="tracks of each head by name; the first is the default"
    )
    segment: int = Field(
        default=16_384,
        ge=0,
        description="bases of a stretch in which the tower runs without gradients, to save memory; 0: in one piece",
    )
    checkpointing: bool = Field(
        default=False, description="compute activations again on the way back rather than keep them"
    )
    trunk_precision: Literal["32", "bf16"] = Field(
        default="32", description="of the trunk; bf16 multiplies in bfloat16. The head is always in 32 bits"
    )
    reverse_complement: bool = Field(default=True, description="train on either strand at random")
    max_shift: int = Field(default=3, ge=0, description="bases by which a training sequence is moved, at most")
    training: TrainingConfig = TrainingConfig(
        epochs=150, batch_size=64, learning_rate=5e-4, weight_decay=0.0, warmup_steps=5_000, clip_norm=0.2
    )

    @model_validator(mode="after")
    def _shapes(self) -> Config:
        if self.stem_width % 2 == 0 or self.tower_width % 2 == 0:
            raise ValueError("stem_width and tower_width must be odd, so that a window has a centre")
        if self.channels % (2 * self.attention_heads):
            raise ValueError("channels must be a multiple of twice attention_heads")
        if self.position_features % 6:
            raise ValueError("position_features must be a multiple of 6: three families, two signs")
        if self.length % self.bin:
            raise ValueError(f"length must be a multiple of the bin, {self.bin} bases")
        if 2 * self.crop >= self.length // self.bin:
            raise ValueError(f"crop leaves nothing of {self.length // self.bin} bins")
        if self.segment % self.bin:
            raise ValueError(f"segment must be a multiple of the bin, {self.bin} bases")
        return self

    @property
    def bin(self) -> int:
        """Bases in a bin of the output."""
        return 2 ** (self.tower + 1)

    @property
    def filters(self) -> tuple[int, ...]:
        """Channels of the tower's blocks: geometrically from half to all of `channels`."""
        first, last = self.channels // 2, self.channels
        if self.tower == 1:
            return (last,)
        ratio = (last / first) ** (1 / (self.tower - 1))
        each = self.divisible_by
        return tuple(round(first * ratio**block / each) * each for block in range(self.tower))


def default() -> Config:
    """As published (Avsec et al. 2021): 251,221,292 parameters with both heads."""
    return Config()


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    sizes = {"length": 1024, "crop": 4, "channels": 16, "divisible_by": 4, "tower": 3, "layers": 1}
    sizes |= {"attention_heads": 2, "key": 4, "position_features": 12, "segment": 256, "max_shift": 1}
    training = TrainingConfig(epochs=4, batch_size=8, learning_rate=5e-3, schedule="constant", weight_decay=0.0)
    return Config.parse({**sizes, "dropout": 0.1, "tracks": {"human": 5, "mouse": 3}, "training": training})


PRESETS = {"default": default, "tiny": tiny}

SEARCH = {"training.learning_rate": (2e-4, 5e-4, 1e-3), "dropout": (0.2, 0.4)}
"""What `--tries` draws from."""
