"""Configuration of DIABLO and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from chiasma.stats.pls.plsda_config import Distance, PerfConfig, PlsdaConfig, TuningConfig, check_keep

Keep = int | tuple[int, ...]


class Config(TuningConfig, PerfConfig, PlsdaConfig):
    """What a DIABLO model is made of; the defaults are those of mixOmics but for `keep_x`, which is tuned."""

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
    init: Literal["svd.single", "svd"] = Field(
        default="svd.single", description="start: singular vector of each view, or of its product with the class"
    )
    vote: Literal["weighted", "majority", "average", "weighted-average"] = Field(
        default="weighted",
        description="how views agree: by their correlation with the class, by heads, by mean response",
    )
    faithful: bool = Field(
        default=False,
        description="as mixOmics: nobody wins a tied majority and the last class a tied weighted vote, its Mahalanobis "
        "formula, its weighted average, which is the response of the view of most weight, and errors by component "
        "(perf_repeats) with the keep_x that was tuned on all samples of the train part, which is optimistic",
    )
    tune_search: Literal["auto", "full", "coordinate", "halving"] = Field(
        default="auto",
        description="all combinations of tune_grid (by view: tune_grids) over views; one view at a time (auto: beyond "
        "32 combinations); or halving: up to 243 combinations on one fold, ever fewer on ever more folds",
    )
    tune_grids: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="candidates by view, {view = [5, 10]}, where they are not those of tune_grid"
    )

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        for view, keep in (self.keep_x if isinstance(self.keep_x, dict) else {"every view": self.keep_x}).items():
            if keep is not None:
                check_keep(keep, self.ncomp, f"keep_x of {view}")
        if any(min(grid, default=0) < 1 for grid in self.tune_grids.values()):
            raise ValueError("tune_grids holds numbers of at least 1")
        return self

    def distance_asked(self) -> Distance:
        """The distance as the prediction names it."""
        return "mahalanobis-mixomics" if self.faithful and self.distance == "mahalanobis" else self.distance

    def ties(self) -> Literal["mixomics", "probability"]:
        """Who wins a tied vote, as the prediction names it."""
        return "mixomics" if self.faithful else "probability"


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
