"""Configuration of aligned subspaces, and its presets."""

from __future__ import annotations

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """Which genes, how many canonical components, and how they are warped (Butler et al. 2018)."""

    features: int = Field(default=2000, ge=3, description="most variable genes used, ranked over all sets")
    ncomp: int = Field(default=20, ge=1, description="canonical components; lowered to what the smallest set allows")
    metagene: int = Field(default=30, ge=1, description="genes that stand for a component while it is warped")
    band: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="how far the warping path may be from the straight line, as a share of the largest set's cells "
        "(Sakoe and Chiba); 1 is everywhere, less saves memory and time in proportion",
    )
    faithful: bool = Field(
        default=False,
        description="weigh genes by their signed loading, as the original did in effect; it meant to turn them by the "
        "sign of their correlation, as is done otherwise",
    )
    same_sets: bool = Field(
        default=False,
        description="whether a set of the query that has the name of one of the reference is that set, and both are "
        "aligned as one; otherwise the query's sets are sets of their own",
    )
    k_vote: int = Field(default=20, ge=1, description="nearest reference cells that vote on a query cell's type")


def default() -> Config:
    """Twenty components, paths anywhere."""
    return Config()


def tiny() -> Config:
    """For tests: few genes and components."""
    return Config(features=60, ncomp=6, k_vote=10)


def faithful() -> Config:
    """As the original was in effect."""
    return Config(faithful=True)


PRESETS = {"default": default, "tiny": tiny, "faithful": faithful}
