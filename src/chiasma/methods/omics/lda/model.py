"""Linear discriminant analysis with a shrunken covariance as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from chiasma.methods.omics.lda.config import Config
from chiasma.stats.matrix_classifier import MatrixClassifier, softmax
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling
from chiasma.stats.shrunken_covariance import ShrunkenCovariance, shrink_covariance

if TYPE_CHECKING:
    import pandas as pd


class Lda(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MatrixClassifier):
    """Gaussian classes with one common covariance, shrunken so that features may outnumber samples.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Two classes
    have one discriminant, more at most one fewer than classes. A missing value is the train part's mean.

    Attributes:
        shrinkage_: share of the identity in the covariance of the scaled features.
        priors_: class probabilities before seeing a sample (class,).
        coef_, intercept_: of the classes' scores on scaled features (class, feature) and (class,).
        scalings_: discriminants, the most separating first (feature, discriminant).
        explained_variance_ratio_: share of the separation of classes by each discriminant (discriminant,).
    """

    config_class = Config

    def __init__(self, *, shrinkage: float | None = None, priors: str = "empirical", scale: bool = True) -> None:
        self.shrinkage = shrinkage
        self.priors = priors
        self.scale = scale

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        n_classes = len(self.classes_)
        self.scaling_ = learn_scaling(values, scale=config.scale)
        scaled, _ = self.scaling_.apply(values)
        counts = np.bincount(codes, minlength=n_classes)
        means = np.eye(n_classes)[codes].T @ scaled / counts[:, None]
        covariance = shrink_covariance(scaled - means[codes], max(len(codes) - n_classes, 1), config.shrinkage)
        self.shrinkage_ = covariance.shrinkage
        self.priors_ = counts / counts.sum() if config.priors == "empirical" else np.full(n_classes, 1 / n_classes)
        varies = self.scaling_.sd > 0
        self.coef_ = covariance.solve(means) * varies
        self.intercept_ = np.log(self.priors_) - 0.5 * (self.coef_ * means).sum(axis=1)
        scalings, self.explained_variance_ratio_ = _discriminants(means, counts / counts.sum(), covariance)
        self.scalings_ = scalings * varies[:, None]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class)."""
        return softmax(self._scaled(X) @ self.coef_.T + self.intercept_)

    def transform(self, X: Any) -> np.ndarray:
        """Scores on the discriminants (sample, discriminant)."""
        return self._scaled(X) @ self.scalings_

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Weights of the scaled features in each discriminant, features as rows and ld1, ld2, ... as columns."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        columns = [f"ld{number + 1}" for number in range(self.scalings_.shape[1])]
        return {VIEW: pd.DataFrame(self.scalings_, index=index, columns=columns)}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays = {
            "mean": self.scaling_.mean,
            "sd": self.scaling_.sd,
            "priors": self.priors_,
            "coef": np.ascontiguousarray(self.coef_),
            "intercept": self.intercept_,
            "scalings": np.ascontiguousarray(self.scalings_),
            "explained": self.explained_variance_ratio_,
        }
        return arrays, self._facts() | {"shrinkage": self.shrinkage_}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.shrinkage_ = float(meta["shrinkage"])
        self.scaling_ = Scaling(arrays["mean"], arrays["sd"])
        self.priors_, self.coef_, self.intercept_ = arrays["priors"], arrays["coef"], arrays["intercept"]
        self.scalings_, self.explained_variance_ratio_ = arrays["scalings"], arrays["explained"]
        return self

    @property
    def _n_features_out(self) -> int:
        return self.scalings_.shape[1]

    def _scaled(self, X: Any) -> np.ndarray:
        values = self._new(X)
        return self.scaling_.apply(values)[0]


def build(config: Config) -> Lda:
    """The estimator of a configuration."""
    return Lda(**{name: getattr(config, name) for name in type(config).model_fields})


def _discriminants(
    means: np.ndarray, share: np.ndarray, covariance: ShrunkenCovariance
) -> tuple[np.ndarray, np.ndarray]:
    """Directions of largest variance between classes over that within, of unit variance within, and their shares."""
    around = np.sqrt(share)[:, None] * (means - share @ means)  # (class, feature)
    solved = covariance.solve(around)
    values, vectors = np.linalg.eigh(around @ solved.T)  # the separation, seen from the classes
    order = np.argsort(-values)[: min(len(share) - 1, means.shape[1])]
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    length = np.sqrt(values)
    scalings = np.divide(solved.T @ vectors, length, out=np.zeros((means.shape[1], len(order))), where=length > 0)
    top = scalings[np.abs(scalings).argmax(axis=0), np.arange(len(order))]
    total = values.sum()
    return scalings * np.where(top < 0, -1.0, 1.0), values / total if total > 0 else values
