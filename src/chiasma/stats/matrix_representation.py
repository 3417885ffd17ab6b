"""What methods that describe the samples of one matrix by a few factors share: reading X, names, going to arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from chiasma.core.config import Config
from chiasma.stats.matrix_input import (
    VIEW,
    constant_columns,
    feature_names,
    input_facts,
    read_matrix,
    restore_input,
)

if TYPE_CHECKING:
    import pandas as pd


class MatrixRepresentation(TransformerMixin, BaseEstimator, ABC):
    """Base of the estimators that place the samples of one matrix on factors; made to be subclassed.

    A subclass names its configuration in `config_class`, has its fields as constructor parameters, fits in `fit` with
    what `_learn` gives, and places new samples in `transform`. It says in `accepts_missing` whether NaN may stand for
    a value that is missing, and in `factor_stem` what its factors are called.

    Attributes:
        n_features_in_: features seen in `fit`.
        constant_features_: columns that do not vary in the train part; they have no say.
    """

    config_class: ClassVar[type[Config]]
    accepts_missing: ClassVar[bool] = False
    factor_stem: ClassVar[str] = "factor"

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix; y is not looked at."""

    @abstractmethod
    def transform(self, X: Any) -> np.ndarray:
        """Place of each sample on the factors (sample, factor)."""

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Factors."""

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the factors: the stem and 1, 2, ...; `input_features` is there for scikit-learn and not used."""
        check_is_fitted(self)
        names = [f"{self.factor_stem}{number + 1}" for number in range(self._n_features_out)]
        return np.asarray(names, dtype=object)

    def feature_names(self) -> list[str]:
        """Names of the features in the order of `fit`; x0, x1, ... where it saw none."""
        check_is_fitted(self)
        return feature_names(self)

    def _table(self, values: np.ndarray) -> dict[str, pd.DataFrame]:
        """Values (feature, factor) as the one view's DataFrame."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        return {VIEW: pd.DataFrame(values, index=index, columns=list(self.get_feature_names_out()))}

    def _shares(self, values: np.ndarray) -> pd.DataFrame:
        """Shares of variance (factor,) as a DataFrame (view, factor)."""
        import pandas as pd

        index = pd.Index([VIEW], name="view")
        return pd.DataFrame(values[None, :], index=index, columns=list(self.get_feature_names_out()))

    def _config(self) -> Any:
        """The validated parameters.

        Raises:
            UsageError: a parameter is wrong.
        """
        return self.config_class.parse(self.get_params(deep=False), source=type(self).__name__)

    def _learn(self, X: Any) -> np.ndarray:
        """Values (sample, feature) to learn from, NaN where missing if the method takes that.

        Raises:
            ValueError: the data cannot be used.
        """
        values: np.ndarray = read_matrix(self, X, reset=True, least=2)
        self._refuse_holes(values)
        self.constant_features_ = constant_columns(values)
        return values

    def _new(self, X: Any) -> np.ndarray:
        """Values of new samples (sample, feature), features in the order of `fit`."""
        check_is_fitted(self)
        values: np.ndarray = read_matrix(self, X, reset=False)
        self._refuse_holes(values)
        return values

    def _refuse_holes(self, values: np.ndarray) -> None:
        missing = np.isnan(values)
        if not self.accepts_missing and missing.any():
            raise ValueError(f"Input X contains NaN, which {type(self).__name__} does not take; impute it first")
        empty = np.flatnonzero(missing.all(axis=1))
        if len(empty):
            shown = ", ".join(str(row) for row in empty[:5])
            raise ValueError(f"{len(empty)} samples have no value at all (rows {shown}); leave them out")

    def _facts(self) -> dict[str, Any]:
        """JSON-ready facts that `_restored` takes back."""
        return input_facts(self)

    @classmethod
    def _restored(cls, config: Config, facts: Mapping[str, Any]) -> Self:
        """An estimator with that configuration and those facts, its learnt arrays still missing."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        restore_input(self, facts)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.accepts_missing
        return tags
