"""Configuration of LASSO and elastic net and its presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chiasma.core.config import Config as Base


class Config(Base):
    """What is penalised and how the penalty is chosen; the defaults are those of glmnet."""

    l1_ratio: float = Field(
        default=1.0, ge=0, le=1, description="1 is LASSO, between is elastic net, 0 ridge (alpha of glmnet)"
    )
    strength: float | None = Field(
        default=None, gt=0, description="penalty lambda; without it, chosen by cross-validation inside the train part"
    )
    pick: Literal["min", "1se"] = Field(
        default="min",
        description="penalty of least held-out deviance, or the strongest within a standard error of it (lambda.1se)",
    )
    cv_folds: int = Field(default=10, ge=2, description="folds, at most the size of the smallest class (two at least)")
    tol: float = Field(default=1e-11, gt=0, description="largest squared change of a coefficient at convergence")
    stability_resamples: int = Field(
        default=50, ge=0, description="halves of the samples that stability selection is repeated on; 0 leaves it out"
    )
    stability_threshold: float = Field(
        default=0.75, gt=0.5, le=1, description="share of halves that must select a feature for it to be called stable"
    )
    stability_false: float = Field(
        default=1.0, gt=0, description="expected false features among the stable ones, at most"
    )
    random_state: int = Field(default=0, description="seed of folds and halves, the only randomness")


def default() -> Config:
    """LASSO at lambda.min of 10-fold cross-validation."""
    return Config()


def tiny() -> Config:
    """Three folds, ten halves, converged to the last digits: for tests."""
    return Config(cv_folds=3, stability_resamples=10, tol=1e-13)


def elastic_net() -> Config:
    """Half absolute, half squared: correlated features come in together."""
    return Config(l1_ratio=0.5)


def sparse() -> Config:
    """LASSO at lambda.1se: the fewest features within a standard error of the best."""
    return Config(pick="1se")


PRESETS = {"default": default, "tiny": tiny, "elastic-net": elastic_net, "sparse": sparse}
