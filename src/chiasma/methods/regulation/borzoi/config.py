"""Settings of Borzoi."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as _Config
from chiasma.fit.config import TrainingConfig


class Config(_Config):
    """A convolutional tower down to tokens, attention among them, and a U-Net back up to finer bins."""

    length: int = Field(default=524_288, ge=1, description="bases read; a multiple of the token")
    crop: int = Field(default=5_120, ge=0, description="bins left out of the output at each end")
    stem_filters: int = Field(default=512, ge=1, description="filters of the first layer")
    stem_width: int = Field(default=15, ge=1, description="bases that a filter of the first layer sees, odd")
    filters_first: int = Field(default=608, ge=1, description="filters of the tower's first block")
    channels: int = Field(default=1536, ge=2, description="filters of the tower's last block, channels of a token")
    divisible_by: int = Field(default=32, ge=1, description="channels of the tower are rounded to multiples of this")
    tower: int = Field(default=6, ge=2, description="blocks of the tower, each halving the positions")
    tower_width: int = Field(default=5, ge=1, description="positions that a filter of the tower sees, odd")
    layers: int = Field(default=8, ge=1, description="transformer blocks")
    attention: Literal["relative", "rotary"] = Field(
        default="relative", description="distances through a basis (Borzoi) or by rotation (Flashzoi)"
    )
    attention_heads: int = Field(default=8, ge=1, description="attention heads; divides channels")
    key: int = Field(default=64, ge=1, description="channels of a key in each head; relative attention only")
    value: int = Field(default=192, ge=1, description="channels of a value in each head; relative attention only")
    position_features: int = Field(default=32, ge=2, description="functions of distance, even; relative only")
    rotated: int = Field(default=128, ge=2, description="channels of a head that turn with position; rotary only")
    upsampling: int = Field(default=2, ge=1, description="steps back up, each doubling the bins")
    final_channels: int | None = Field(default=1920, ge=1, description="units of the last hidden layer; None: none")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of units of the transformer left out")
    attention_dropout: float = Field(default=0.05, ge=0, lt=1, description="share of attention weights left out")
    position_dropout: float = Field(default=0.01, ge=0, lt=1, description="share of values of the basis left out")
    final_dropout: float = Field(default=0.1, ge=0, lt=1, description="share of units of the last layer left out")
    tracks: dict[str, int] = Field(
        default={"human": 7611}, description="tracks of each head by name; the first is the default"
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
    loss_total_weight: float = Field(
        default=0.2, ge=0, description="weight of the Poisson loss of a track's total beside its shape's multinomial"
    )
    loss_ends: float | None = Field(
        default=None,
        gt=1,
        description="how many times less the loss weighs the outermost bins than the middle ones; None: all alike, as "
        "in the four published replicates. Later models of the same group: 8",
    )
    loss_ends_power: float = Field(
        default=6.0, gt=0, description="how suddenly weights fall towards the ends: exp(-(distance / sigma) ** power)"
    )
    reverse_complement: bool = Field(default=True, description="train on either strand at random")
    max_shift: int = Field(default=3, ge=0, description="bases by which a training sequence is moved, at most")
    training: TrainingConfig = TrainingConfig(
        epochs=180,
        batch_size=2,
        learning_rate=6e-5,
        weight_decay=0.0,
        warmup_steps=20_000,
        schedule="constant",
        clip_norm=0.15,
        epsilon=1e-7,
        patience=30,
    )

    @model_validator(mode="after")
    def _shapes(self) -> Config:
        if self.stem_width % 2 == 0 or self.tower_width % 2 == 0:
            raise ValueError("stem_width and tower_width must be odd, so that a window has a centre")
        if self.channels % self.attention_heads:
            raise ValueError("channels must be a multiple of attention_heads")
        if self.position_features % 2 or self.rotated % 2:
            raise ValueError("position_features and rotated must be even")
        if self.attention == "rotary" and self.rotated > self.channels // self.attention_heads:
            raise ValueError(f"rotated must not exceed the {self.channels // self.attention_heads} channels of a head")
        if self.upsampling > self.tower:
            raise ValueError("upsampling must not exceed tower: each step up joins what a block of the tower saw")
        if self.length % self.token or self.segment % self.token:
            raise ValueError(f"length and segment must be multiples of the token, {self.token} bases")
        if 2 * self.crop >= self.length // self.bin:
            raise ValueError(f"crop leaves nothing of {self.length // self.bin} bins")
        return self

    @property
    def token(self) -> int:
        """Bases in a token of the transformer."""
        return 2 ** (self.tower + 1)

    @property
    def bin(self) -> int:
        """Bases in a bin of the output."""
        return self.token // 2**self.upsampling

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of the tower's blocks: geometrically from the first to the last."""
        ratio = (self.channels / self.filters_first) ** (1 / (self.tower - 1))
        each = self.divisible_by
        return tuple(round(self.filters_first * ratio**block / each) * each for block in range(self.tower))


def default() -> Config:
    """As published (Linder et al. 2025), human head: 185,892,699 parameters."""
    return Config()


def human_mouse() -> Config:
    """As published, both heads: 190,902,667 parameters."""
    return Config(tracks={"human": 7611, "mouse": 2608})


def flashzoi() -> Config:
    """Flashzoi (Hingerl et al. 2024): rotary attention, keys and values shared by pairs of heads."""
    return Config(attention="rotary")


def mini() -> Config:
    """The trained model that Calico's baskerville ships with its tests: 131,072 bases, 74 tracks."""
    sizes = {"length": 131_072, "crop": 1024, "stem_filters": 64, "stem_width": 7, "filters_first": 80}
    sizes |= {"channels": 128, "divisible_by": 8, "layers": 2, "attention_heads": 2, "key": 32, "value": 64}
    training = TrainingConfig(
        epochs=100,
        batch_size=4,
        learning_rate=1e-4,
        weight_decay=0.0,
        warmup_steps=8_000,
        schedule="constant",
        clip_norm=0.1,
        epsilon=1e-7,
        patience=25,
    )
    rest = {"rotated": 32, "final_channels": None, "tracks": {"human": 74}, "training": training}
    return Config.parse({**sizes, **rest})


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    sizes = {"length": 1024, "crop": 8, "stem_filters": 8, "filters_first": 8, "channels": 16, "divisible_by": 4}
    sizes |= {"tower": 3, "layers": 1, "attention_heads": 2, "key": 4, "value": 8, "position_features": 8}
    sizes |= {"rotated": 4, "final_channels": 16, "segment": 256, "max_shift": 1}
    training = TrainingConfig(epochs=4, batch_size=8, learning_rate=5e-3, schedule="constant", weight_decay=0.0)
    return Config.parse({**sizes, "tracks": {"human": 5}, "training": training})


PRESETS = {"default": default, "tiny": tiny, "human-mouse": human_mouse, "flashzoi": flashzoi, "mini": mini}

SEARCH = {"training.learning_rate": (3e-5, 6e-5, 2e-4), "dropout": (0.1, 0.2)}
"""What `--tries` draws from."""
