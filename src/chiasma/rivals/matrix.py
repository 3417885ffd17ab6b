"""Rivals for matrices and views: penalised linear models on one view, or on all side by side."""

from __future__ import annotations

from typing import Self

import numpy as np

from chiasma.core.errors import MismatchError, UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.rivals.base import Rival
from chiasma.rivals.linear import Held, LinearFit, fit_linear, least_strength
from chiasma.rivals.projection import Projection

RIDGE_STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01)
"""Penalties tried on standardised features, strongest first."""
LASSO_SHARES = (0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05)
"""Penalties tried, as shares of the least one that leaves no feature."""
FOLDS = 5
COMPONENTS = 10
"""Principal components of `PcaLinear`."""


class MatrixLinear(Rival):
    """Logistic (or linear) regression on standardised features; a missing value is the training mean."""

    def __init__(self, *, name: str, views: tuple[str, ...] | None = None, lasso: bool = False) -> None:
        self.name, self.views, self.lasso = name, views, lasso
        what = f"the view {views[0]} alone" if views and len(views) == 1 else "all features side by side"
        self.describes = f"{what}, {'LASSO' if lasso else 'ridge'} penalty chosen by cross-validation"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Standardise on the training samples, choose the penalty by cross-validation over units, fit to all."""
        raw = self._raw(data)
        known = ~np.isnan(raw)
        count = np.maximum(known.sum(axis=0), 1)
        self.centre_ = np.where(known, raw, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (raw - self.centre_) ** 2, 0.0).sum(axis=0) / count)
        self.scale_ = np.where(spread > 1e-12 * np.maximum(np.abs(self.centre_), 1.0), spread, np.inf)
        design = self._standardised(raw)
        strengths: tuple[float, ...] = RIDGE_STRENGTHS
        if self.lasso:
            least = max(least_strength(design, data.target), 1e-12)
            strengths = tuple(least * share for share in LASSO_SHARES)
        self.model_: LinearFit = fit_linear(
            design, data.target, data.unit, strengths=strengths, seed=seed, lasso=self.lasso, folds=FOLDS
        )
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        return self.model_.predict(self._standardised(self._raw(data)))

    def _standardised(self, raw: np.ndarray) -> Held:
        return Held(np.nan_to_num((raw - self.centre_) / self.scale_, nan=0.0))

    def _raw(self, data: Dataset) -> np.ndarray:
        """The features read, side by side; a view that the new data lack is all missing (sample, feature)."""
        names = features_of(data, self.views, name=self.name)
        if not hasattr(self, "features_"):
            self.features_ = names
        blocks = {"": data.x} if isinstance(data.x, Matrix) else dict(data.x.blocks)  # type: ignore[union-attr]
        columns = []
        for view, features in self.features_.items():
            if view not in blocks:
                columns.append(np.full((len(data), len(features)), np.nan))
            elif not np.array_equal(blocks[view].features, features):
                raise MismatchError("features differ from those fitted", where=f"{self.name}, view {view or 'matrix'}")
            else:
                columns.append(np.asarray(blocks[view].values, float))
        return np.hstack(columns)


class PcaLinear(Rival):
    """Ridge logistic (or linear) regression on the leading principal components of all features side by side."""

    def __init__(self, *, name: str, components: int = COMPONENTS) -> None:
        self.name, self.components = name, components
        self.describes = (
            f"{components} principal components of all features side by side, each view with the same weight, "
            "ridge penalty chosen by cross-validation"
        )

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Components of the training samples, without their target; then the penalty by cross-validation over units."""
        self.features_ = features_of(data, None, name=self.name)
        self.projection_ = Projection(factors=self.components).fit(data.x, seed=seed)  # type: ignore[arg-type]
        scores = self.projection_.transform(data.x)  # type: ignore[arg-type]
        spread = scores.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, np.inf)
        design = Held(scores / self.scale_)
        self.model_ = fit_linear(design, data.target, data.unit, strengths=RIDGE_STRENGTHS, seed=seed, folds=FOLDS)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Probabilities or track values (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        for view, features in features_of(data, None, name=self.name).items():
            if not np.array_equal(features, self.features_.get(view, ())):
                raise MismatchError("features differ from those fitted", where=f"{self.name}, view {view or 'matrix'}")
        return self.model_.predict(Held(self.projection_.transform(data.x) / self.scale_))  # type: ignore[arg-type]


def features_of(data: Dataset, views: tuple[str, ...] | None, *, name: str) -> dict[str, np.ndarray]:
    """Feature names of each view that is read; the one view of a Matrix is called ""."""
    if isinstance(data.x, Matrix):
        return {"": data.x.features}
    if isinstance(data.x, Views):
        kept = (
            data.x.blocks if views is None else {view: data.x.blocks[view] for view in views if view in data.x.blocks}
        )
        return {view: block.features for view, block in kept.items()}
    raise UsageError("this rival reads a matrix or views", where=name, got=type(data.x).__name__)


def matrix_rivals(data: Dataset) -> list[Rival]:
    """Ridge on each view where there are several, ridge and LASSO on all features side by side."""
    form = "linear" if data.target.kind == "regression" else "logistic"
    rivals: list[Rival] = []
    if isinstance(data.x, Views) and len(data.x.blocks) > 1:
        rivals += [MatrixLinear(name=f"{view}-{form}", views=(view,)) for view in data.x.blocks]
    return [*rivals, MatrixLinear(name=f"concatenated-{form}"), MatrixLinear(name=f"lasso-{form}", lasso=True)]


def optional_matrix_rivals(data: Dataset) -> dict[str, Rival]:
    """Rivals that join only where a card names them, by name."""
    name = f"pca-{'linear' if data.target.kind == 'regression' else 'logistic'}"
    return {name: PcaLinear(name=name)}
