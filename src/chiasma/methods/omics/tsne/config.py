"""Configuration of t-SNE and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """What a layout is made of; names and defaults are those of scikit-learn where it has them."""

    n_components: int = Field(default=2, ge=1, le=10, description="dimensions; from 4 on the exact method, slow")
    perplexity: float = Field(
        default=30.0, gt=1, description="effective neighbours of a sample, at most a third of the other samples"
    )
    early_exaggeration: float = Field(default=12.0, ge=1, description="pull in the first 250 steps")
    learning_rate: float | Literal["auto"] = Field(
        default="auto", description="step size; auto is samples / early_exaggeration / 4, at least 50"
    )
    max_iter: int = Field(default=1000, ge=250, description="steps")
    metric: Literal["euclidean", "cosine"] = Field(default="euclidean", description="distance of samples")
    normalise: Literal["none", "log1p", "counts", "clr"] = Field(
        default="none",
        description="of each sample: counts is to 10,000 and log1p; clr, for antibodies, that to its geometric mean",
    )
    scale: bool = Field(default=True, description="divide features by their standard deviation")
    pca: int | None = Field(
        default=50, ge=1, description="leading components between which distances are; without it, all features"
    )
    init: Literal["pca", "random"] = Field(
        default="pca", description="where samples begin; pca keeps more of the whole (Kobak and Linderman 2021)"
    )
    random_state: int = Field(default=0, description="seed of a random start and of the decomposition of the other")


def default() -> Config:
    """Perplexity 30 from principal components."""
    return Config()


def tiny() -> Config:
    """The fewest steps: for tests."""
    return Config(perplexity=10, max_iter=250)


def course() -> Config:
    """The course's layout of CITE-seq: log1p, twenty components, perplexity 90."""
    return Config(perplexity=90, normalise="log1p", scale=False, pca=20)


PRESETS = {"default": default, "tiny": tiny, "course": course}
