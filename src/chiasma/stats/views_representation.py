"""What methods that describe samples of several views by a few factors share: reading X, names, going to arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from chiasma.core.config import Config
from chiasma.core.errors import list_some
from chiasma.stats.matrix_input import constant_columns
from chiasma.stats.views import Arrays, ViewsError, align, to_arrays

if TYPE_CHECKING:
    import pandas as pd


class NamedViews:
    """Names of views and of their features, which estimators over several views keep, and look for in new samples.

    Attributes:
        views_: names, in the order of the fit.
        feature_names_: of each view; VIEW_0, VIEW_1, ... where it came without.
        named_: whether a view came with names of its features.
    """

    def _name(self, data: Arrays) -> None:
        self.views_ = list(data.values)
        self.named_ = {name: data.features[name] is not None for name in self.views_}
        self.feature_names_ = {
            name: data.features[name]
            if self.named_[name]
            else np.asarray([f"{name}_{column}" for column in range(values.shape[1])], dtype=object)
            for name, values in data.values.items()
        }

    def _constant(self, data: Arrays) -> dict[str, list[str]]:
        """Names of the features that do not vary, by view."""
        return {
            name: [str(self.feature_names_[name][column]) for column in constant_columns(values)]
            for name, values in data.values.items()
        }

    def _aligned(self, data: Arrays) -> dict[str, np.ndarray]:
        """Views of new samples (sample, feature), features in the order of the fit; whole views may be absent."""
        return align(data, self.feature_names_, named=self.named_)

    def _name_facts(self) -> dict[str, Any]:
        """JSON-ready facts that `_restore_names` takes back."""
        features = {name: [str(feature) for feature in names] for name, names in self.feature_names_.items()}
        return {"views": self.views_, "features": features, "named": self.named_}

    def _restore_names(self, facts: Mapping[str, Any]) -> None:
        self.views_, self.named_ = list(facts["views"]), dict(facts["named"])
        self.feature_names_ = {name: np.asarray(facts["features"][name], dtype=object) for name in self.views_}


class ViewsRepresentation(NamedViews, TransformerMixin, BaseEstimator, ABC):
    """Base of the estimators that place the samples of several views on common factors; made to be subclassed.

    A subclass names its configuration in `config_class`, has its fields as constructor parameters, fits in `fit` with
    what `_learn` gives, and places new samples in `transform`. `n_views` is how many views it takes, None for any
    number from two; `factor_stem` is what its factors are called.

    Attributes:
        constant_features_: features that do not vary in the train part and have no say, by view.
    """

    config_class: ClassVar[type[Config]]
    n_views: ClassVar[int | None] = None
    factor_stem: ClassVar[str] = "factor"

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at."""

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

    def _config(self) -> Any:
        """The validated parameters.

        Raises:
            UsageError: a parameter is wrong.
        """
        return self.config_class.parse(self.get_params(deep=False), source=type(self).__name__)

    def _learn(self, X: Any) -> Arrays:
        """Views to learn from.

        Raises:
            ViewsError: they cannot be used: another number of them than the method takes, a sample without any value.
        """
        data = to_arrays(X)
        names = list(data.values)
        if (self.n_views is not None and len(names) != self.n_views) or len(names) < 2:
            wanted = "two or more views" if self.n_views is None else f"{self.n_views} views"
            raise ViewsError("another number of views", got=list_some(names), expected=wanted)
        if data.n_samples < 3:
            raise ViewsError("too few samples", got=data.n_samples, expected="three or more")
        empty = np.all([np.isnan(values).all(axis=1) for values in data.values.values()], axis=0)
        if empty.any():
            rows = [str(row) for row in np.flatnonzero(empty)]
            raise ViewsError(f"{len(rows)} samples have no value in any view", got=list_some(rows), do="leave them out")
        self._name(data)
        self.constant_features_ = self._constant(data)
        for name, values in data.values.items():
            if len(self.constant_features_[name]) == values.shape[1]:
                raise ViewsError("no feature varies", where=f"view {name}", got=f"{values.shape[1]} constant features")
        return data

    def _new(self, X: Any) -> dict[str, np.ndarray]:
        """Views of new samples (sample, feature), features in the order of the fit; whole views may be absent."""
        check_is_fitted(self, "views_")
        return self._aligned(to_arrays(X))

    def _tables(self, values: Mapping[str, np.ndarray]) -> dict[str, pd.DataFrame]:
        """Values of each view (feature, factor) as DataFrames."""
        import pandas as pd

        columns = list(self.get_feature_names_out())
        return {
            name: pd.DataFrame(table, index=pd.Index(self.feature_names_[name], name="feature"), columns=columns)
            for name, table in values.items()
        }

    def _shares(self, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """Shares of variance by view (factor,) as a DataFrame (view, factor)."""
        import pandas as pd

        index = pd.Index(list(values), name="view")
        return pd.DataFrame(np.stack(list(values.values())), index=index, columns=list(self.get_feature_names_out()))

    def _facts(self) -> dict[str, Any]:
        """JSON-ready facts that `_restored` takes back."""
        return self._name_facts() | {"constant": self.constant_features_}

    @classmethod
    def _restored(cls, config: Config, facts: Mapping[str, Any]) -> Self:
        """An estimator with that configuration and those facts, its learnt arrays still missing."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self._restore_names(facts)
        self.constant_features_ = {name: list(names) for name, names in facts["constant"].items()}
        return self
