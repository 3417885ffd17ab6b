"""Configuration of UMAP and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base


class Config(Base):
    """What a layout is made of; names and defaults are those of umap-learn where it has them."""

    n_components: int = Field(default=2, ge=1, le=100, description="dimensions of the layout")
    n_neighbors: int = Field(
        default=15, ge=2, description="neighbours of a sample, itself included, at most all samples; more for the whole"
    )
    min_dist: float = Field(default=0.1, ge=0, description="least distance of neighbours in the layout")
    spread: float = Field(default=1.0, gt=0, description="scale of the layout; min_dist is below it")
    metric: Literal["euclidean", "cosine"] = Field(
        default="euclidean", description="distance of samples; cosine is that by angle"
    )
    normalise: Literal["none", "log1p", "counts", "clr"] = Field(
        default="none",
        description="of each sample: counts is to 10,000 and log1p; clr, for antibodies, that to its geometric mean",
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    pca: int | None = Field(
        default=50, ge=1, description="leading components among which neighbours are sought; without it, all features"
    )
    init: Literal["spectral", "pca", "random"] = Field(
        default="spectral", description="where samples begin; spectral falls to pca where the graph is in pieces"
    )
    n_epochs: int | None = Field(
        default=None, ge=1, description="passes over the edges; 500 up to 10,000 samples and 200 beyond by default"
    )
    random_state: int = Field(default=0, description="seed of the start and of the optimiser")

    @model_validator(mode="after")
    def _distances(self) -> Config:
        if self.min_dist > self.spread:
            raise ValueError(f"min_dist {self.min_dist} is above spread {self.spread}")
        return self


def default() -> Config:
    """As umap-learn, on the fifty leading components of scaled features."""
    return Config()


def tiny() -> Config:
    """Ten neighbours, fifty passes: for tests."""
    return Config(n_neighbors=10, n_epochs=50)


def course() -> Config:
    """The course's layout of RNA: log1p, twenty components, min_dist 1 from principal components, 1,000 passes."""
    return Config(n_neighbors=93, min_dist=1.0, normalise="log1p", scale=False, pca=20, init="pca", n_epochs=1000)


PRESETS = {"default": default, "tiny": tiny, "course": course}
