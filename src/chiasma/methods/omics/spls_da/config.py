"""Configuration of sparse PLS-DA and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """What a sparse PLS-DA is made of; the defaults are those of mixOmics but for `keep_x`, which is tuned."""

    ncomp: int = Field(default=2, ge=1, description="components; one fewer than classes is the usual start")
    keep_x: tuple[int, ...] | int | None = Field(
        default=None,
        description="features kept at each component; more than there are means all (PLS-DA without selection); "
        "without it, tuned by cross-validation inside the train part",
    )
    mode: Literal["regression", "canonical", "invariant", "classic"] = Field(
        default="regression", description="what is removed from the class after a component"
    )
    init: Literal["svd", "svd.single"] = Field(
        default="svd", description="start: singular vector of the product with the class, or of the matrix alone"
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
    tune_grid: tuple[int, ...] = Field(
        default=(5, 10, 20, 50), min_length=1, description="candidates for keep_x where that is not given"
    )
    tune_folds: int = Field(default=5, ge=2, description="folds of the tuning, at most the size of the smallest class")
    tune_repeats: int = Field(default=1, ge=1, description="repeats of the tuning's folds")
    random_state: int = Field(default=0, description="seed of the tuning's folds, the only randomness")

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        keep = (self.keep_x,) * self.ncomp if isinstance(self.keep_x, int) else self.keep_x
        if keep is not None and (len(keep) != self.ncomp or min(keep) < 1):
            raise ValueError(f"keep_x needs {self.ncomp} numbers of at least 1, one a component")
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
