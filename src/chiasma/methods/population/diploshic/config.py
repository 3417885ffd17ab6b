"""Settings of diploS/HIC."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chiasma.core.config import Config as _Config
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.config import PLAIN, TrainingConfig
from chiasma.simulate.sweep_examples import ANOPHELES, SMALL
from chiasma.simulate.sweep_regions import FIVE, SweepDesign


class Config(_Config):
    """What is simulated, which statistics are read of it, and the network that reads them."""

    shapes_simulations: ClassVar[tuple[str, ...]] = ("statistics", "sweeps")
    """Fields on which a simulated example depends: they name the cache."""
    classes: ClassVar[tuple[str, ...]] = FIVE

    statistics: Literal["diploid", "haploid"] = Field(
        default="diploid",
        description="12 of genotypes, without phase or ancestral alleles; or 15 of phased, polarised haplotypes",
    )
    sweeps: SweepDesign = Field(default=SweepDesign(), description="history, rates and ranges of the simulated sweeps")
    filters: int = Field(default=128, ge=2, description="of the first convolution of each branch; the second has half")
    hidden: tuple[int, int] = Field(default=(512, 128), description="units of the two dense layers")
    mirror: bool = Field(default=True, description="turn training examples around at random")
    train_examples: int = Field(default=5_000, ge=5, description="regions to learn from, a fifth of each class")
    valid_examples: int = Field(default=500, ge=5, description="regions for stopping")
    calibration_examples: int = Field(default=500, ge=0, description="regions for reliability")
    test_examples: int = Field(default=1_000, ge=5, description="regions touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")
    training: TrainingConfig = PLAIN.replace(epochs=40)
    adaptation: AdaptationConfig = Field(
        default=AdaptationConfig(), description="to real windows, where --adapt gives them; refused without it"
    )


def default() -> Config:
    """Regions of 1.1 Mb of 50 diploids under a constant size of 10,000; a budget of minutes on two cores."""
    return Config()


def published() -> Config:
    """The budget of the published scripts: 2,000 regions a class, 55 kb, priors as for Anopheles, 100 epochs."""
    training = default().training.replace(epochs=100, min_delta=1e-3)
    return Config(sweeps=ANOPHELES, train_examples=10_000, valid_examples=1_000, test_examples=5_000, training=training)


def haploid() -> Config:
    """The statistics of phased, polarised haplotypes."""
    return Config(statistics="haploid")


def tiny() -> Config:
    """For tests: a small network, short regions with many mutations, strong sweeps."""
    training = PLAIN.replace(epochs=8, batch_size=16, learning_rate=5e-3)
    return Config(
        sweeps=SMALL,
        filters=8,
        hidden=(16, 8),
        train_examples=60,
        valid_examples=20,
        calibration_examples=20,
        test_examples=20,
        training=training,
    )


PRESETS = {"default": default, "published": published, "haploid": haploid, "tiny": tiny}


SEARCH = {"training.learning_rate": (3e-4, 1e-3, 3e-3), "filters": (32, 64, 128)}
"""What `--tries` draws from."""
