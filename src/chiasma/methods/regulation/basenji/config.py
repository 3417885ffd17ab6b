"""Settings of Basenji, first and second edition."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as _Config
from chiasma.fit.config import TrainingConfig


class Convolution(_Config):
    """One block of the tower."""

    filters: int = Field(ge=1, description="filters of the block")
    width: int = Field(ge=1, description="positions that a filter sees; of an even number one more to the right")
    pool: int = Field(default=1, ge=1, description="positions of which the largest is kept; 1: all")


class Config(_Config):
    """Convolutions and pooling down to bins, then dilated convolutions that let far bins see each other."""

    length: int = Field(default=131_072, ge=1, description="bases read; a multiple of the bin")
    crop: int = Field(default=64, ge=0, description="bins left out of the output at each end")
    edition: Literal["first", "second"] = Field(
        default="second",
        description="first: convolution, norm, ReLU; dilated layers see all earlier ones. "
        "second: GELU, convolution, norm; dilated layers are added to their input",
    )
    gelu: Literal["sigmoid", "tanh"] = Field(
        default="sigmoid", description="which approximation, second edition: the one of 2020, or that of today's code"
    )
    tower: tuple[Convolution, ...] = Field(description="blocks down to bins")
    tower_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of units of the tower left out")
    dilated_filters: int = Field(default=384, ge=1, description="filters of a dilated layer")
    dilations: tuple[int, ...] = Field(
        default=(1, 2, 3, 4, 6, 9, 14, 21, 32, 48, 72), description="bins between what a dilated filter of 3 sees"
    )
    dilated_dropout: float = Field(default=0.3, ge=0, lt=1, description="share of units of dilated layers left out")
    final_channels: int = Field(default=1536, ge=1, description="units of the last hidden layer")
    final_dropout: float = Field(default=0.05, ge=0, lt=1, description="share of units of the last layer left out")
    link: Literal["softplus", "exp-linear"] = Field(default="softplus", description="what keeps the tracks positive")
    tracks: dict[str, int] = Field(
        default={"human": 5313}, description="tracks of each head by name; the first is the default"
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
        epochs=100,
        batch_size=4,
        learning_rate=0.15,
        weight_decay=0.0,
        optimiser="sgd",
        momentum=0.99,
        schedule="constant",
        clip_norm=2.0,
        clip_each=True,
        patience=16,
    )

    @model_validator(mode="after")
    def _shapes(self) -> Config:
        if self.length % self.bin:
            raise ValueError(f"length must be a multiple of the bin, {self.bin} bases")
        if 2 * self.crop >= self.length // self.bin:
            raise ValueError(f"crop leaves nothing of {self.length // self.bin} bins")
        return self

    @property
    def bin(self) -> int:
        """Bases in a bin of the output."""
        product = 1
        for block in self.tower:
            product *= block.pool
        return product


def _tower(*sizes: tuple[int, int, int]) -> tuple[Convolution, ...]:
    """From (filters, width, pool) of each block."""
    return tuple(Convolution(filters=filters, width=width, pool=pool) for filters, width, pool in sizes)


def basenji2() -> Config:
    """The second edition (Kelley 2020), human head: 30,088,228 parameters."""
    filters = (339, 399, 470, 554, 652, 768)
    return Config(tower=_tower((288, 15, 2), *((size, 5, 2) for size in filters)))


def basenji2_mouse() -> Config:
    """The second edition, mouse head: 24,447,438 parameters."""
    return basenji2().replace(tracks={"mouse": 1643})


def basenji2_human_mouse() -> Config:
    """The second edition with both heads, as it was trained."""
    return basenji2().replace(tracks={"human": 5313, "mouse": 1643})


def basenji2018() -> Config:
    """The first edition (Kelley et al. 2018): 15,190,636 parameters."""
    training = TrainingConfig(
        epochs=100,
        batch_size=2,
        learning_rate=0.002063,
        weight_decay=0.0,
        betas=(0.97, 0.98),
        schedule="constant",
        patience=16,
    )
    blocks = ((312, 22), (368, 1), (435, 6), (514, 6), (607, 6), (717, 3))
    pools = (1, 2, 4, 4, 4, 1)
    return Config(
        crop=0,
        edition="first",
        tower=_tower(*((filters, width, pool) for (filters, width), pool in zip(blocks, pools))),
        tower_dropout=0.05,
        dilated_filters=108,
        dilations=(2, 4, 8, 16, 32, 64),
        dilated_dropout=0.1,
        final_channels=1365,
        link="exp-linear",
        tracks={"human": 4229},
        training=training,
    )


def default() -> Config:
    """The second edition, human head."""
    return basenji2()


def tiny() -> Config:
    """For tests: seconds on a CPU."""
    training = TrainingConfig(epochs=4, batch_size=8, learning_rate=5e-3, schedule="constant", weight_decay=0.0)
    return Config(
        length=1024,
        crop=4,
        tower=_tower((8, 15, 2), (8, 5, 2), (12, 5, 2), (16, 5, 4)),
        dilated_filters=8,
        dilations=(1, 2),
        dilated_dropout=0.1,
        final_channels=16,
        tracks={"human": 5},
        max_shift=1,
        training=training,
    )


PRESETS = {
    "default": default,
    "tiny": tiny,
    "basenji2": basenji2,
    "basenji2-mouse": basenji2_mouse,
    "basenji2-human-mouse": basenji2_human_mouse,
    "basenji2018": basenji2018,
}

SEARCH = {"training.learning_rate": (0.05, 0.15, 0.3), "dilated_dropout": (0.1, 0.3)}
"""What `--tries` draws from."""
