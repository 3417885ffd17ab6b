"""Configuration of regularised generalised canonical correlation and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base

Keep = int | tuple[int, ...]


class Config(Base):
    """What a regularised generalised canonical correlation is made of; with `keep_x` it is sparse (SGCCA)."""

    ncomp: int = Field(default=2, ge=1, description="components")
    tau: Literal["optimal"] | float | tuple[float, ...] = Field(
        default="optimal",
        description="of all views, or of each in their order, 1 (covariance; keep_x needs it) to 0 (correlation); "
        "optimal: the share by which a view's correlations are best shrunken",
    )
    keep_x: dict[str, Keep] | tuple[int, ...] | int | None = Field(
        default=None,
        description="features kept in each view at each component, {view = [first, second]}, one list or one number "
        "for all views; needs tau 1; without it, all",
    )
    design: float | Literal["full", "null"] | tuple[tuple[float, ...], ...] = Field(
        default="full", description="how strongly views are tied to each other: 0 to 1, or a symmetric matrix"
    )
    scheme: Literal["factorial", "centroid", "horst"] = Field(
        default="factorial",
        description="function of the covariances that is maximised: its square, its magnitude, itself",
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    tol: float = Field(default=1e-10, gt=0, description="largest squared change of a variate or loading at convergence")
    max_iter: int = Field(default=1000, ge=1, description="sweeps over the views for one component")

    @model_validator(mode="after")
    def _fit_together(self) -> Config:
        numbers = self.tau if isinstance(self.tau, tuple) else [] if isinstance(self.tau, str) else [self.tau]
        if any(not 0 <= value <= 1 for value in numbers):
            raise ValueError("tau lies from 0 to 1")
        if self.keep_x is None:
            return self
        if self.tau != 1:
            raise ValueError("keep_x needs tau 1: sparse components maximise covariances")
        for keep in self.keep_x.values() if isinstance(self.keep_x, dict) else [self.keep_x]:
            each = (keep,) * self.ncomp if isinstance(keep, int) else keep
            if len(each) != self.ncomp or min(each) < 1:
                raise ValueError(f"keep_x needs {self.ncomp} numbers of at least 1, one a component")
        return self


def default() -> Config:
    """Two components of all features, correlations shrunken as they ask for."""
    return Config()


def tiny() -> Config:
    """The default, which is fast enough for tests."""
    return Config()


def sparse() -> Config:
    """Two components of ten features a view (SGCCA)."""
    return Config(tau=1.0, keep_x=10)


PRESETS = {"default": default, "tiny": tiny, "sparse": sparse}
