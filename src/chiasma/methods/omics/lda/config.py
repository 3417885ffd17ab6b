"""Configuration of linear discriminant analysis and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """How the common covariance of the classes is estimated."""

    shrinkage: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the identity in the covariance; without it, estimated (Ledoit and Wolf 2004)",
    )
    priors: Literal["empirical", "equal"] = Field(
        default="empirical",
        description="class probabilities before seeing a sample: shares of the train part, or equal",
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")


def default() -> Config:
    """Estimated shrinkage, scaled features, priors as in the train part."""
    return Config()


def tiny() -> Config:
    """The default, which is fast enough for tests."""
    return Config()


def fisher() -> Config:
    """No shrinkage: Fisher's rule, for many more samples than features."""
    return Config(shrinkage=0.0)


PRESETS = {"default": default, "tiny": tiny, "fisher": fisher}
