"""Configuration of MINT and its presets."""

from __future__ import annotations

from pydantic import Field, model_validator

from chiasma.stats.pls.plsda_config import PlsdaConfig, check_keep


class Config(PlsdaConfig):
    """What a MINT sparse PLS-DA is made of; the defaults are those of mixOmics but for `keep_x`, which is tuned."""

    keep_x: tuple[int, ...] | int | None = Field(
        default=None,
        description="features kept at each component; more than there are means all; without it, tuned by leaving "
        "out one study after the other (with one study only, the middle of the grid)",
    )
    tune_grid: tuple[int, ...] = Field(
        default=(5, 10, 20, 50), min_length=1, description="candidates for keep_x where that is not given"
    )

    perf: bool = Field(
        default=False,
        description="leave out one study after the other, to tell the error of one component, two, ... by every "
        "distance, in all studies and in each; keep_x is tuned anew without each, unless it is given",
    )

    @model_validator(mode="after")
    def _lengths(self) -> Config:
        if self.keep_x is not None:
            check_keep(self.keep_x, self.ncomp)
        return self


def default() -> Config:
    """Two components, kept features tuned over studies."""
    return Config()


def tiny() -> Config:
    """Two components of eight features, nothing tuned: for tests."""
    return Config(keep_x=8)


PRESETS = {"default": default, "tiny": tiny}
