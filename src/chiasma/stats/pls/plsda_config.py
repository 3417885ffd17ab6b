"""Settings that all PLS discriminant analyses share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config

Distance = Literal["max", "centroids", "mahalanobis", "mahalanobis-mixomics"]


class PlsdaConfig(Config):
    """Components, scaling, stopping and the distance by which a class is picked; the defaults are those of mixOmics."""

    ncomp: int = Field(default=2, ge=1, description="components; one fewer than classes is the usual start")
    mode: Literal["regression", "canonical", "invariant", "classic"] = Field(
        default="regression", description="what is removed from the class after a component"
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-6, gt=0, description="largest squared change of a loading vector at convergence")
    max_iter: int = Field(default=100, ge=1, description="sweeps over the views for one component")
    near_zero_var: bool = Field(default=False, description="leave out features of nearly no variation")
    distance: Distance = Field(
        default="centroids",
        description="how a class is picked; mahalanobis-mixomics repeats the formula of mixOmics, which is no "
        "Mahalanobis distance",
    )


class PerfConfig(Config):
    """How many components are worth having is told by folds inside the train part."""

    perf_repeats: int = Field(
        default=0,
        ge=0,
        description="repeats of cross-validation inside the train part that tell how well one component, two, ... do; "
        "3 or more choose a number of components; what is tuned is tuned anew in each fold; 0: none",
    )
    perf_folds: int = Field(default=10, ge=2, description="folds of that, at most the size of the smallest class")
    random_state: int = Field(default=0, description="seed of the folds, the only randomness")


class TuningConfig(Config):
    """How many features are kept is tried out in folds inside the train part."""

    tune_grid: tuple[int, ...] = Field(
        default=(5, 10, 20, 50), min_length=1, description="candidates for keep_x where that is not given"
    )
    tune_folds: int = Field(default=5, ge=2, description="folds of the tuning, at most the size of the smallest class")
    tune_repeats: int = Field(default=1, ge=1, description="repeats of the tuning's folds")
    random_state: int = Field(default=0, description="seed of the tuning's folds, the only randomness")

    def middle(self) -> int:
        """The middle of the grid, taken where classes are too small for folds."""
        return sorted(self.tune_grid)[len(self.tune_grid) // 2]


def check_keep(keep: int | tuple[int, ...], n_components: int, name: str = "keep_x") -> None:
    """Refuse numbers of kept features (one, or one a component) of another length or below 1.

    Raises:
        ValueError: as pydantic's validators expect.
    """
    numbers = (keep,) * n_components if isinstance(keep, int) else keep
    if len(numbers) != n_components or min(numbers, default=0) < 1:
        raise ValueError(f"{name} needs {n_components} numbers of at least 1, one a component")
