"""Configuration of sparse PLS-DA and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.stats.pls.plsda_config import PerfConfig, PlsdaConfig, TuningConfig, check_keep


class Config(TuningConfig, PerfConfig, PlsdaConfig):
    """What a sparse PLS-DA is made of; the defaults are those of mixOmics but for `keep_x`, which is tuned."""

    keep_x: tuple[int, ...] | int | None = Field(
        default=None,
        description="features kept at each component; more than there are means all (PLS-DA without selection); "
        "without it, tuned by cross-validation inside the train part",
    )
    init: Literal["svd", "svd.single"] = Field(
        default="svd", description="start: singular vector of the product with the class, or of the matrix alone"
    )

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        if self.keep_x is not None:
            check_keep(self.keep_x, self.ncomp)
        return self


def default() -> Config:
    """Two components, kept features tuned."""
    return Config()


def tiny() -> Config:
    """Two components of five features, nothing tuned: for tests."""
    return Config(keep_x=(5, 5))


def srbct() -> Config:
    """The childhood tumour model of the mixOmics case study: three components for four classes."""
    return Config(ncomp=3, keep_x=(9, 280, 30))


PRESETS = {"default": default, "tiny": tiny, "srbct": srbct}
