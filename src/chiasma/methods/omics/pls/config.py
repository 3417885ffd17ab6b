"""Configuration of partial least squares between two views and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.stats.pls.plsda_config import PerfConfig


class Config(PerfConfig):
    """What a partial least squares between two views is made of; the defaults are those of mixOmics."""

    ncomp: int = Field(default=2, ge=1, description="components")
    mode: Literal["regression", "canonical"] = Field(
        default="regression",
        description="regression: one view predicts the other; canonical: both are equal, each loses its own component",
    )
    response: str | None = Field(default=None, description="name of the view to be predicted; by default the second")
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-6, gt=0, description="largest squared change of a loading vector at convergence")
    max_iter: int = Field(default=100, ge=1, description="sweeps for one component")
    near_zero_var: bool = Field(default=False, description="leave out features of nearly no variation")


def default() -> Config:
    """Two components, the second view predicted from the first."""
    return Config()


def tiny() -> Config:
    """Two components, both views equal: for tests."""
    return Config(mode="canonical")


PRESETS = {"default": default, "tiny": tiny}
