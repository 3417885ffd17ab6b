"""Configuration of sparse PLS between two views and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """What a sparse PLS between two views is made of; the defaults are those of mixOmics but for the kept features."""

    ncomp: int = Field(default=2, ge=1, description="components")
    keep_x: tuple[int, ...] | int = Field(
        default=25, description="features of the predictor kept at each component; more than there are means all"
    )
    keep_y: tuple[int, ...] | int = Field(
        default=25, description="features of the response kept at each component; more than there are means all"
    )
    mode: Literal["regression", "canonical"] = Field(
        default="regression",
        description="regression: one view predicts the other; canonical: both are equal, each loses its own component",
    )
    response: str | None = Field(default=None, description="name of the view to be predicted; by default the second")
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-6, gt=0, description="largest squared change of a loading vector at convergence")
    max_iter: int = Field(default=100, ge=1, description="sweeps for one component")
    near_zero_var: bool = Field(default=False, description="leave out features of nearly no variation")

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        for name, keep in (("keep_x", self.keep_x), ("keep_y", self.keep_y)):
            numbers = (keep,) * self.ncomp if isinstance(keep, int) else keep
            if len(numbers) != self.ncomp or min(numbers) < 1:
                raise ValueError(f"{name} needs {self.ncomp} numbers of at least 1, one a component")
        return self


def default() -> Config:
    """Two components of twenty-five features a view, the second view predicted from the first."""
    return Config()


def tiny() -> Config:
    """Two components of six features, both views equal: for tests."""
    return Config(keep_x=6, keep_y=6, mode="canonical")


def nutrimouse() -> Config:
    """Genes and fatty acids of the mixOmics case study: three components of twenty-five genes and five acids."""
    return Config(ncomp=3, keep_x=25, keep_y=5, response="lipid")


PRESETS = {"default": default, "tiny": tiny, "nutrimouse": nutrimouse}
