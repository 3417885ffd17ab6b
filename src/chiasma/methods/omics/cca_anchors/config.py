"""Configuration of anchors between two sets of cells, and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """Which genes, how many components, and how anchors are found, scored and weighed (Stuart et al. 2019)."""

    features: int = Field(default=2000, ge=3, description="most variable genes used, ranked over both sets")
    ncomp: int = Field(default=30, ge=1, description="canonical components; lowered to what the smaller set allows")
    k_anchor: int = Field(
        default=5, ge=1, description="neighbours in the other set within which anchors find each other"
    )
    k_filter: int = Field(
        default=200,
        ge=0,
        description="neighbours, in the measured genes, within which an anchor must hold; not applied where a set has "
        "fewer cells; 0 leaves the filter out",
    )
    k_score: int = Field(default=30, ge=1, description="neighbours whose overlap scores an anchor")
    k_weight: int = Field(
        default=50,
        ge=1,
        description="anchor cells near a query cell that have a say; at most a quarter of the query's cells",
    )
    sd_weight: float = Field(default=1.0, gt=0, description="bandwidth of the kernel that weighs anchors")
    weight_space: Literal["joint", "query"] = Field(
        default="joint",
        description="where anchor cells are near a query cell: components of both sets together, or of the query alone",
    )


def default() -> Config:
    """Thirty components, 2,000 genes."""
    return Config()


def tiny() -> Config:
    """For tests: few components and genes."""
    return Config(features=60, ncomp=6, k_score=15, k_weight=15)


def seurat_tutorial() -> Config:
    """Twenty components, as in the tutorial of integration with Seurat 3."""
    return Config(ncomp=20, k_weight=100)


PRESETS = {"default": default, "tiny": tiny, "seurat-tutorial": seurat_tutorial}
