"""Configuration of regularised canonical correlation and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """What a regularised canonical correlation is made of."""

    ncomp: int = Field(default=2, ge=1, description="components, at most the rank of either view")
    penalty: Literal["shrinkage", "ridge"] = Field(
        default="shrinkage",
        description="shrinkage draws the correlations within and between views to 0, as far as their sampling error "
        "asks; ridge adds a constant to the variances of the features",
    )
    lambda1: float | None = Field(
        default=None,
        ge=0,
        description="penalty of the first view: a share (shrinkage) or a variance in squared units of the input "
        "(ridge); without it, estimated (shrinkage) or tuned by cross-validation (ridge)",
    )
    lambda2: float | None = Field(default=None, ge=0, description="the same of the second view")
    tune_grid: tuple[float, ...] = Field(
        default=(0.001, 0.01, 0.1, 1.0),
        min_length=1,
        description="candidates for the ridge, as multiples of the mean variance of a view's features",
    )
    tune_folds: int = Field(default=5, ge=2, description="folds of the tuning")
    random_state: int = Field(default=0, description="seed of the tuning's folds, the only randomness")

    @model_validator(mode="after")
    def _shares(self) -> Config:
        given = [value for value in (self.lambda1, self.lambda2) if value is not None]
        if self.penalty == "shrinkage" and max(given, default=0.0) > 1:
            raise ValueError("lambda1 and lambda2 are shares of at most 1 with penalty shrinkage")
        if min(self.tune_grid) < 0:
            raise ValueError("tune_grid holds penalties from 0")
        return self


def default() -> Config:
    """Two components, correlations shrunken."""
    return Config()


def tiny() -> Config:
    """The default, which is fast enough for tests."""
    return Config()


def ridge() -> Config:
    """Two components, ridges tuned by cross-validation."""
    return Config(penalty="ridge")


PRESETS = {"default": default, "tiny": tiny, "ridge": ridge}
