"""Configuration of Harmony, and its presets."""

from __future__ import annotations

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """Which genes and components, how clusters form and how much they correct (Korsunsky et al. 2019)."""

    features: int = Field(default=2000, ge=3, description="most variable genes used, ranked over all sets")
    ncomp: int = Field(default=30, ge=1, description="principal components that are corrected")
    clusters: int | None = Field(
        default=None, ge=1, description="soft clusters; without it a thirtieth of the cells, at most 100"
    )
    theta: float = Field(default=2.0, ge=0, description="weight of the penalty for clusters that lack a set")
    sigma: float = Field(default=0.1, gt=0, description="softness of the clusters, in squared cosine distance")
    ridge: float = Field(default=1.0, gt=0, description="penalty of the set's terms in each cluster's regression")
    tau: float = Field(
        default=0.0,
        ge=0,
        description="cells a cluster expected of a set below which it is penalised less; 0 for all alike",
    )
    block: float = Field(default=0.05, gt=0, le=1, description="share of the cells that are updated at once")
    max_iter: int = Field(default=10, ge=1, description="rounds of clustering and correction")
    same_sets: bool = Field(
        default=False,
        description="whether a set of the query that has the name of one of the reference is that set, and both are "
        "the same batch; otherwise the query's sets are sets of their own",
    )
    k_vote: int = Field(default=20, ge=1, description="nearest reference cells that vote on a query cell's type")


def default() -> Config:
    """As published."""
    return Config()


def tiny() -> Config:
    """For tests: few genes and components."""
    return Config(features=60, ncomp=6, k_vote=10, max_iter=4)


PRESETS = {"default": default, "tiny": tiny}
