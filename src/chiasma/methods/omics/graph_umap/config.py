"""Configuration of the graph intersection and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config as Base

Normalise = Literal["none", "log1p", "counts", "clr"]


class ViewSettings(Base):
    """What is particular to one view; what is not given is as for all."""

    normalise: Normalise | None = Field(default=None, description="of each sample in this view")
    weight: float = Field(default=1.0, ge=0, description="in an intersection or difference, relative to the others")


class Config(Base):
    """How the views' graphs are made, made into one, and laid out."""

    combine: Literal["intersection", "union", "difference", "fusion"] = Field(
        default="intersection",
        description="edges that hold in every view, in any, in the first but not the second, or similarity network "
        "fusion (dense, up to 6,000 samples that have every view)",
    )
    floor: Literal["auto", "umap", "symmetric"] = Field(
        default="auto",
        description="strength of an edge that a view lacks: as in umap-learn, where it is larger in the first view, or "
        "alike in all; auto: umap for two views, symmetric for more",
    )
    reset_local_metric: bool = Field(
        default=True, description="bring each sample back to 15 effective neighbours, as umap-learn's operators do"
    )
    faithful: bool = Field(
        default=False,
        description="difference as umap-learn computes it, whose complement of an absent edge is nearly 0 and not 1",
    )
    n_components: int = Field(default=2, ge=1, le=100, description="dimensions of the layout")
    n_neighbors: int = Field(
        default=15, ge=2, description="neighbours of a sample in each view, itself included, at most all samples"
    )
    min_dist: float = Field(default=0.1, ge=0, description="least distance of neighbours in the layout")
    spread: float = Field(default=1.0, gt=0, description="scale of the layout; min_dist is at most that")
    metric: Literal["euclidean", "cosine"] = Field(default="euclidean", description="distance of samples in each view")
    normalise: Normalise = Field(
        default="none",
        description="of each sample: counts is to 10,000 and log1p; clr, for antibodies, to its geometric mean; of "
        "one view: --set per_view.NAME.normalise=clr, and its weight: --set per_view.NAME.weight=0.45",
    )
    per_view: dict[str, ViewSettings] = Field(
        default_factory=dict, description="normalise and weight of single views, {view = {...}}"
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    pca: int | None = Field(
        default=50, ge=1, description="leading components of each view among which neighbours are sought"
    )
    init: Literal["spectral", "pca", "random"] = Field(
        default="spectral", description="where samples begin; spectral falls to pca where the graph is in pieces"
    )
    n_epochs: int | None = Field(
        default=None, ge=1, description="passes over the edges; 500 up to 10,000 samples and 200 beyond by default"
    )
    random_state: int = Field(default=0, description="seed of the start and of the optimiser")

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.min_dist > self.spread:
            raise ValueError(f"min_dist {self.min_dist} is above spread {self.spread}")
        return self

    def normalise_of(self, name: str) -> Normalise:
        """How a view is normalised."""
        own = self.per_view[name].normalise if name in self.per_view else None
        return self.normalise if own is None else own

    def weight_of(self, name: str) -> float:
        """The weight of a view."""
        return self.per_view[name].weight if name in self.per_view else 1.0


def default() -> Config:
    """The intersection of the views' graphs, each with the same weight."""
    return Config()


def tiny() -> Config:
    """Twenty neighbours, fifty passes: for tests."""
    return Config(n_neighbors=20, n_epochs=50)


def course() -> Config:
    """The course's intersection of RNA and proteins (views rna, adt): .55 and .45, 93 neighbours, 1,000 passes."""
    return Config(
        per_view={"rna": ViewSettings(weight=0.55), "adt": ViewSettings(weight=0.45)},
        reset_local_metric=False,
        n_neighbors=93,
        min_dist=1.0,
        normalise="log1p",
        scale=False,
        pca=20,
        init="random",
        n_epochs=1000,
    )


PRESETS = {"default": default, "tiny": tiny, "course": course}
