"""Configuration of DIABLO and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base

Keep = int | tuple[int, ...]


class Config(Base):
    """What a DIABLO model is made of; the defaults are those of mixOmics but for `keep_x`, which is tuned."""

    ncomp: int = Field(default=2, ge=1, description="components; one fewer than classes is the usual start")
    keep_x: dict[str, Keep] | tuple[int, ...] | None = Field(
        default=None,
        description="features kept in each view at each component, {view = [first, second]}, or one list for all "
        "views; more than a view has means all; without it, tuned by cross-validation inside the train part",
    )
    design: float | Literal["full", "null"] | tuple[tuple[float, ...], ...] = Field(
        default=0.1,
        description="how strongly views are tied to each other: 0 (null: class alone) to 1 (full: each other as much "
        "as the class), or a symmetric matrix in the order of the views",
    )
    scheme: Literal["horst", "factorial", "centroid"] = Field(
        default="horst", description="function of the covariances that is maximised: itself, its square, its magnitude"
    )
    mode: Literal["regression", "canonical", "invariant", "classic"] = Field(
        default="regression", description="what is removed from the class after a component"
    )
    init: Literal["svd.single", "svd"] = Field(
        default="svd.single", description="start: singular vector of each view, or of its product with the class"
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-6, gt=0, description="largest squared change of a loading vector at convergence")
    max_iter: int = Field(default=100, ge=1, description="sweeps over the views for one component")
    near_zero_var: bool = Field(default=False, description="leave out features of nearly no variation")
    distance: Literal["max", "centroids", "mahalanobis", "mahalanobis-mixomics"] = Field(
        default="centroids",
        description="how a view picks its class; mahalanobis-mixomics repeats the formula of mixOmics, which is no "
        "Mahalanobis distance",
    )
    vote: Literal["weighted", "majority", "average", "weighted-average"] = Field(
        default="weighted",
        description="how views agree: by their correlation with the class, by heads, by mean response",
    )
    ties: Literal["probability", "mixomics"] = Field(
        default="probability",
        description="who wins a tied vote: the mean probability, or as in mixOmics nobody (majority) or the last class",
    )
    tune_grid: tuple[int, ...] = Field(
        default=(5, 10, 20, 50), min_length=1, description="candidates for keep_x where that is not given"
    )
    tune_search: Literal["auto", "full", "coordinate"] = Field(
        default="auto", description="all combinations over views, or one view at a time (auto: beyond 32 combinations)"
    )
    tune_folds: int = Field(default=5, ge=2, description="folds of the tuning, at most the size of the smallest class")
    tune_repeats: int = Field(default=1, ge=1, description="repeats of the tuning's folds")
    random_state: int = Field(default=0, description="seed of the tuning's folds, the only randomness")

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        given = self.keep_x if isinstance(self.keep_x, dict) else {"every view": self.keep_x}
        for view, keep in given.items():
            if isinstance(keep, tuple) and (len(keep) != self.ncomp or min(keep, default=0) < 1):
                raise ValueError(f"keep_x of {view} needs {self.ncomp} numbers of at least 1, one a component")
            if isinstance(keep, int) and keep < 1:
                raise ValueError(f"keep_x of {view} is below 1")
        return self


def default() -> Config:
    """Two components, kept features tuned."""
    return Config()


def tiny() -> Config:
    """Two components of five features a view, nothing tuned: for tests."""
    return Config(keep_x=(5, 5))


def breast_tcga() -> Config:
    """The breast cancer model of the mixOmics case study (views mrna, mirna, protein)."""
    return Config(keep_x={"mrna": (6, 14), "mirna": (5, 18), "protein": (6, 7)})


PRESETS = {"default": default, "tiny": tiny, "breast_tcga": breast_tcga}
