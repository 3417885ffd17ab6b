"""Settings of S/HIC."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chiasma.core.config import Config as _Config
from chiasma.simulate.sweep_examples import SMALL
from chiasma.simulate.sweep_regions import FIVE, SweepDesign


class Config(_Config):
    """What is simulated, which statistics are read of it, and the trees that read them."""

    shapes_simulations: ClassVar[tuple[str, ...]] = ("statistics", "sweeps")
    """Fields on which a simulated example depends: they name the cache."""
    classes: ClassVar[tuple[str, ...]] = FIVE

    statistics: Literal["haploid", "diploid"] = Field(
        default="haploid",
        description="15 of phased, polarised haplotypes; or 12 of genotypes, without phase or ancestral alleles",
    )
    sweeps: SweepDesign = Field(default=SweepDesign(), description="history, rates and ranges of the simulated sweeps")
    trees: int = Field(default=300, ge=1, description="extremely randomised trees")
    least_leaf: int = Field(default=1, ge=1, description="examples in a leaf at least")
    share_of_features: float | None = Field(
        default=None, gt=0, le=1, description="share of the features tried at a split; empty: the root of their number"
    )
    train_examples: int = Field(default=5_000, ge=5, description="regions to learn from, a fifth of each class")
    valid_examples: int = Field(
        default=500, ge=0, description="further regions to learn from; networks use as many for stopping"
    )
    calibration_examples: int = Field(default=500, ge=0, description="regions for reliability")
    test_examples: int = Field(default=1_000, ge=5, description="regions touched once, at the end")
    cache: str = Field(default="", description="folder in which simulations are kept between runs; empty: memory only")


def default() -> Config:
    """Regions of 1.1 Mb of 100 haplotypes under a constant size of 10,000; a budget of minutes on two cores."""
    return Config()


def published() -> Config:
    """2,000 regions a class to learn from and 1,000 to test on."""
    return Config(train_examples=10_000, valid_examples=1_000, test_examples=5_000)


def tiny() -> Config:
    """For tests: few trees, short regions with many mutations, strong sweeps."""
    return Config(
        sweeps=SMALL, trees=20, train_examples=60, valid_examples=20, calibration_examples=20, test_examples=20
    )


PRESETS = {"default": default, "published": published, "tiny": tiny}
