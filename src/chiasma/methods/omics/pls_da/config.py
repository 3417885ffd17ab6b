"""Configuration of PLS-DA and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """What a PLS-DA is made of; the defaults are those of mixOmics."""

    ncomp: int = Field(default=2, ge=1, description="components; one fewer than classes is the usual start")
    mode: Literal["regression", "canonical", "invariant", "classic"] = Field(
        default="regression", description="what is removed from the class after a component"
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-6, gt=0, description="largest squared change of a loading vector at convergence")
    max_iter: int = Field(default=100, ge=1, description="sweeps for one component")
    near_zero_var: bool = Field(default=False, description="leave out features of nearly no variation")
    distance: Literal["max", "centroids", "mahalanobis", "mahalanobis-mixomics"] = Field(
        default="centroids",
        description="how the class is picked; mahalanobis-mixomics repeats the formula of mixOmics, which is no "
        "Mahalanobis distance",
    )


def default() -> Config:
    """Two components of all features."""
    return Config()


def tiny() -> Config:
    """The default, which is fast enough for tests."""
    return Config()


def three() -> Config:
    """Three components, the usual start for four classes."""
    return Config(ncomp=3)


PRESETS = {"default": default, "tiny": tiny, "three": three}
