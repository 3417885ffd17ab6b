"""Configuration of sparse PLS between two views and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.stats.pls.plsda_config import PerfConfig, check_keep


class Config(PerfConfig):
    """What a sparse PLS between two views is made of; the defaults are those of mixOmics but for the kept features."""

    ncomp: int = Field(default=2, ge=1, description="components")
    keep_x: tuple[int, ...] | int | None = Field(
        default=None,
        description="features of the predictor kept at each component; more than there are means all; without it, "
        "tuned by the correlation of both views' variates on samples held out of the train part",
    )
    keep_y: tuple[int, ...] | int | None = Field(default=None, description="the same of the response")
    tune_grid: tuple[int, ...] = Field(
        default=(5, 10, 20, 50), min_length=1, description="candidates for keep_x and keep_y where they are not given"
    )
    tune_folds: int = Field(default=5, ge=2, description="folds of the tuning")
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
            if keep is not None:
                check_keep(keep, self.ncomp, name)
        return self


def default() -> Config:
    """Two components, the second view predicted from the first, kept features tuned."""
    return Config()


def tiny() -> Config:
    """Two components of six features, both views equal: for tests."""
    return Config(keep_x=6, keep_y=6, mode="canonical")


def nutrimouse() -> Config:
    """Genes and fatty acids of the mixOmics case study: three components of twenty-five genes and five acids."""
    return Config(ncomp=3, keep_x=25, keep_y=5, response="lipid")


PRESETS = {"default": default, "tiny": tiny, "nutrimouse": nutrimouse}
