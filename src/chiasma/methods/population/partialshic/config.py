"""Settings of partialS/HIC."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chiasma.core.config import Config as _Config
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.config import PLAIN, TrainingConfig
from chiasma.simulate.sweep_examples import ANOPHELES, SMALL
from chiasma.simulate.sweep_regions import NINE, SweepDesign


class Config(_Config):
    """What is simulated, and the network that reads its 89 statistics by window."""

    shapes_simulations: ClassVar[tuple[str, ...]] = ("sweeps",)
    """Fields on which a simulated example depends: they name the cache."""
    classes: ClassVar[tuple[str, ...]] = NINE
    statistics: ClassVar[str] = "partial"

    sweeps: SweepDesign = Field(default=SweepDesign(), description="history, rates and ranges of the simulated sweeps")
    filters: int = Field(default=256, ge=1, description="of each of the two convolutions")
    hidden: tuple[int, int] = Field(default=(512, 128), description="units of the two dense layers")
    mirror: bool = Field(default=True, description="turn training examples around at random (the original does not)")
    train_examples: int = Field(default=4_500, ge=9, description="regions to learn from, a ninth of each class")
    valid_examples: int = Field(default=450, ge=9, description="regions for stopping")
    calibration_examples: int = Field(default=450, ge=0, description="regions for reliability")
    test_examples: int = Field(default=900, ge=9, description="regions touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")
    training: TrainingConfig = PLAIN
    adaptation: AdaptationConfig = Field(
        default=AdaptationConfig(), description="to real windows, where --adapt gives them; refused without it"
    )


def default() -> Config:
    """Regions of 1.1 Mb of 100 haplotypes under a constant size of 10,000; a budget of an hour of one core."""
    return Config()


def published() -> Config:
    """2,000 regions a class, 55 kb, priors as for Anopheles, 20 epochs of which the best is kept."""
    training = default().training.replace(patience=20)
    return Config(
        sweeps=ANOPHELES,
        mirror=False,
        train_examples=16_200,
        valid_examples=1_800,
        test_examples=9_000,
        training=training,
    )


def tiny() -> Config:
    """For tests: a small network, short regions with many mutations, strong sweeps."""
    training = PLAIN.replace(epochs=8, batch_size=16, learning_rate=5e-3)
    return Config(
        sweeps=SMALL,
        filters=4,
        hidden=(16, 8),
        train_examples=63,
        valid_examples=18,
        calibration_examples=27,
        test_examples=18,
        training=training,
    )


PRESETS = {"default": default, "published": published, "tiny": tiny}


SEARCH = {"training.learning_rate": (3e-4, 1e-3, 3e-3), "filters": (64, 128, 256)}
"""What `--tries` draws from."""
