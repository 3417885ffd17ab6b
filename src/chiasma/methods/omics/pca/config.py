"""Configuration of principal component analysis and its presets."""

from __future__ import annotations

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """What a principal component analysis is made of; dense unless `keep_x` says how many features a component has."""

    ncomp: int = Field(default=10, ge=1, description="components, at most the rank of the train part")
    keep_x: tuple[int, ...] | int | None = Field(
        default=None, description="features kept at each component (sparse PCA); without it, all"
    )
    scale: bool = Field(default=False, description="divide features by their standard deviation")
    tol: float = Field(
        default=1e-6,
        gt=0,
        description="at convergence, largest squared change of a sparse loading vector, and change of the values "
        "filled in for missing ones, as a share of all values",
    )
    max_iter: int = Field(default=1000, ge=1, description="sweeps for one sparse component; rounds of filling in")

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        keep = self.keep()
        if keep is not None and (len(keep) != self.ncomp or min(keep) < 1):
            raise ValueError(f"keep_x needs {self.ncomp} numbers of at least 1, one a component")
        return self

    def keep(self) -> tuple[int, ...] | None:
        """Features kept at each component; None for all."""
        return (self.keep_x,) * self.ncomp if isinstance(self.keep_x, int) else self.keep_x


def default() -> Config:
    """Ten components of all features, centred, not scaled."""
    return Config()


def tiny() -> Config:
    """Three components: for tests."""
    return Config(ncomp=3)


def sparse() -> Config:
    """Three components of fifty scaled features each."""
    return Config(ncomp=3, keep_x=50, scale=True)


PRESETS = {"default": default, "tiny": tiny, "sparse": sparse}
