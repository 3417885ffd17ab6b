"""Configuration of univariate feature selection and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """Which features pass, and what predicts with them."""

    statistic: Literal["moderated-t", "spearman", "mann-whitney"] = Field(
        default="moderated-t",
        description="moderated-t compares means with variances shrunken over features (Smyth 2004); spearman and "
        "mann-whitney compare ranks",
    )
    fdr: float = Field(default=0.05, gt=0, le=1, description="largest false discovery rate (Benjamini-Hochberg)")
    at_least: int = Field(default=5, ge=1, description="features taken where fewer pass, those of least p")
    at_most: int | None = Field(default=None, ge=1, description="features taken where more pass; default no limit")
    classifier: Literal["ridge", "centroid"] = Field(
        default="ridge", description="ridge logistic regression, or nearest centroid with each feature's own variance"
    )
    ridge: float = Field(
        default=0.1, gt=0, description="penalty of the logistic regression: mean loss + ridge / 2 * sum of squares"
    )

    @model_validator(mode="after")
    def _numbers(self) -> Config:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most ({self.at_most}) is below at_least ({self.at_least})")
        return self


def default() -> Config:
    """Moderated t at a false discovery rate of 5 %, ridge logistic regression."""
    return Config()


def tiny() -> Config:
    """The same with ten features at most: for tests."""
    return Config(at_most=10)


def ranks() -> Config:
    """Spearman's correlation with the class, for skewed values such as raw counts."""
    return Config(statistic="spearman")


PRESETS = {"default": default, "tiny": tiny, "ranks": ranks}
