"""Principal component analysis, dense or sparse, as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

from chiasma.methods.omics.pca.config import Config
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.matrix_representation import MatrixRepresentation
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling
from chiasma.stats.pls.block_summary import ranked_features
from chiasma.stats.principal_components import (
    feature_correlations,
    fill_holes,
    leading_part,
    place_samples,
    reliability,
    sparse_part,
    variance_shares,
)

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Pca(MatrixRepresentation):
    """The directions of most variance of one matrix; with `keep_x`, of few features each.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Missing values
    are filled with what the components say of them, as far as these can be relied on; in new samples likewise.

    Attributes:
        n_components_: components found: `ncomp`, or the rank of the train part where that is less.
        components_: unit loadings, the largest positive (component, feature); orthogonal unless sparse.
        reliability_: share of each component's variance that is not noise, for filling in (component,).
        scores_: place of each sample of the train part (sample, component).
        explained_variance_ratio_: share of the variance that each component adds (component,).
        correlations_: of each feature with each component (feature, component).
        n_iter_: rounds of filling in, or most sweeps of a sparse component; 1 where neither was needed.
    """

    config_class = Config
    accepts_missing = True
    factor_stem = "pc"

    def __init__(
        self, *, ncomp: int = 10, keep_x: Any = None, scale: bool = False, tol: float = 1e-6, max_iter: int = 1000
    ) -> None:
        self.ncomp = ncomp
        self.keep_x = keep_x
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing; y is not looked at.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or nothing in them varies.
        """
        config = self._config()
        values = self._learn(X)
        self.scaling_ = learn_scaling(values, scale=config.scale)
        scaled, observed = self.scaling_.apply(values)
        if not scaled.any():
            raise ValueError(f"no feature varies over the {len(values)} samples; there is no component")
        vectors = self._directions(scaled, observed, config)
        self.n_components_ = vectors.shape[1]
        self.components_ = np.ascontiguousarray(vectors.T)
        self.scores_ = place_samples(scaled, observed, vectors, self.reliability_)
        self.explained_variance_ratio_ = variance_shares(scaled, observed, vectors, self.reliability_)
        self.correlations_ = feature_correlations(scaled, observed, self.scores_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Place of each sample on the components (sample, component)."""
        values = self._new(X)
        scaled, observed = self.scaling_.apply(values)
        return place_samples(scaled, observed, self.components_.T, self.reliability_)

    def reconstruct(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """What places (sample, component) say of the features (sample, feature), in the units of the input."""
        gain = np.where(self.scaling_.sd > 0, self.scaling_.sd, 1.0)
        return {VIEW: factors @ self.components_ * gain + self.scaling_.mean}

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Unit loadings, features as rows and pc1, pc2, ... as columns."""
        return self._table(self.components_.T)

    def explained(self) -> pd.DataFrame:
        """Share of the matrix's variance that each component adds (view, component)."""
        return self._shares(self.explained_variance_ratio_)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained and circle of correlations, each with its table."""
        from chiasma.plot.component_figures import matrix_figures

        return matrix_figures(self._table(self.correlations_), self.explained())

    @available_if(lambda self: self.keep_x is not None)
    def selected(self) -> list[dict[str, Any]]:
        """Features of the sparse components as rows: view, component, rank, feature, loading."""
        return ranked_features({VIEW: self.components_.T}, {VIEW: self.feature_names()})

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays = {
            "mean": self.scaling_.mean,
            "sd": self.scaling_.sd,
            "components": self.components_,
            "scores": self.scores_,
            "reliability": self.reliability_,
            "explained": self.explained_variance_ratio_,
            "correlations": self.correlations_,
        }
        facts = self._facts() | {"n_iter": self.n_iter_}
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.n_iter_ = int(meta["n_iter"])
        self.scaling_ = Scaling(arrays["mean"], arrays["sd"])
        self.components_, self.scores_, self.reliability_ = (arrays[k] for k in ("components", "scores", "reliability"))
        self.n_components_ = len(self.components_)
        self.explained_variance_ratio_, self.correlations_ = arrays["explained"], arrays["correlations"]
        return self

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _directions(self, scaled: np.ndarray, observed: np.ndarray | None, config: Config) -> np.ndarray:
        self.n_iter_, settled = 1, True
        if observed is not None:
            filled = fill_holes(scaled, observed, config.ncomp, tolerance=config.tol, max_iterations=config.max_iter)
            scaled, self.n_iter_, settled = filled.values, filled.iterations, filled.converged
        keep = config.keep()
        vectors, sizes = leading_part(scaled, config.ncomp)
        self.reliability_ = reliability(scaled, sizes)
        if keep is not None:
            few = tuple(min(number, scaled.shape[1]) for number in keep)
            vectors, sweeps, still = sparse_part(scaled, few, tolerance=config.tol, max_iterations=config.max_iter)
            self.n_iter_, settled = max(self.n_iter_, *sweeps), settled and all(still)
        if not settled:
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} rounds; raise max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.reliability_ = self.reliability_[: vectors.shape[1]]
        return vectors * (self.scaling_.sd > 0)[:, None]


def build(config: Config) -> Pca:
    """The estimator of a configuration."""
    return Pca(**{name: getattr(config, name) for name in type(config).model_fields})
