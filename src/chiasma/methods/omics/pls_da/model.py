"""PLS-DA as a scikit-learn estimator: the block engine with one block and every feature kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning

from chiasma.methods.omics.pls_da.config import Config
from chiasma.stats.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.block_summary import explained_variance
from chiasma.stats.matrix_classifier import MatrixClassifier
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.plsda_prediction import Verdict, decide
from chiasma.stats.plsda_state import from_arrays, to_arrays
from chiasma.stats.vip import importance_in_projection

if TYPE_CHECKING:
    import pandas as pd

VIP = "VIP"
"""Column of the loadings with the importance of a feature over all components."""


class PlsDa(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MatrixClassifier):
    """Components of all features of one matrix that tell classes apart.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Missing values
    are passed over.

    Attributes:
        model_: the fitted BlockPlsda with the one block "x".
        vip_: importance of each feature with the first component, the first two, ... (feature, component).
        explained_variance_: share of the matrix's variance by component, and of the class as "Y".
        n_iter_: most sweeps of any component.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        mode: str = "regression",
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        distance: str = "centroids",
    ) -> None:
        self.ncomp = ncomp
        self.mode = mode
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.distance = distance

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        blocks = {VIEW: values}
        self.model_ = fit_block_plsda(blocks, codes, len(self.classes_), _rules(config, values.shape[1]))
        self.n_iter_ = max(self.model_.iterations)
        if not all(self.model_.converged):
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} sweeps; raise max_iter",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.explained_variance_ = explained_variance(self.model_, blocks, codes)
        self.vip_ = importance_in_projection(self.model_, VIEW, codes)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,), by the distance of the configuration."""
        classes = self.decide(X).classes
        return self.classes_[classes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class).

        The posterior under one Gaussian a class with common spread (centroids) or covariance (mahalanobis) and equal
        priors, or the clipped dummy response (max). Uncalibrated.
        """
        return self.decide(X).probabilities

    def decide(self, X: Any) -> Verdict:
        """Classes with probabilities, dummy response and variates."""
        values = self._new(X)
        return decide(self.model_, {VIEW: values}, distance=self._config().distance)

    def transform(self, X: Any) -> np.ndarray:
        """Variates (sample, component)."""
        return self.decide(X).opinions[VIEW].variates

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings, features as rows and comp1, comp2, ... as columns, and the VIP over all components."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        columns = [f"comp{number + 1}" for number in range(self.model_.n_components)]
        table = pd.DataFrame(self.model_.blocks[VIEW].loadings, index=index, columns=columns)
        return {VIEW: table.assign(**{VIP: self.vip_[:, -1]})}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, model = to_arrays(self.model_)
        arrays |= {f"explained/{name}": values for name, values in self.explained_variance_.items()}
        return arrays | {"vip": np.ascontiguousarray(self.vip_)}, self._facts() | {"model": model}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.model_ = from_arrays(arrays, meta["model"])
        self.n_iter_ = max(self.model_.iterations)
        self.explained_variance_ = {name: arrays[f"explained/{name}"] for name in (VIEW, "Y")}
        self.vip_ = arrays["vip"]
        return self

    @property
    def _n_features_out(self) -> int:
        return self.model_.n_components


def build(config: Config) -> PlsDa:
    """The estimator of a configuration."""
    return PlsDa(**{name: getattr(config, name) for name in type(config).model_fields})


def _rules(config: Config, n_features: int) -> PlsdaRules:
    return PlsdaRules(
        config.ncomp,
        {VIEW: (n_features,) * config.ncomp},
        np.zeros((1, 1)),
        mode=config.mode,
        init="svd",
        scale=config.scale,
        tolerance=config.tol,
        max_iterations=config.max_iter,
        drop_near_zero=config.near_zero_var,
    )
