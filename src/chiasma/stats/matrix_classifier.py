"""What classifiers of one matrix share: reading X and y, naming features, going to arrays and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from chiasma.core.config import Config
from chiasma.stats.matrix_input import constant_columns, feature_names, input_facts, read_matrix, restore_input
from chiasma.stats.pls.block_plsda import TooFewClassesError


class MatrixClassifier(ClassifierMixin, BaseEstimator, ABC):
    """Base of the estimators that tell classes apart by the features of one matrix; made to be subclassed.

    A subclass names its configuration in `config_class`, has its fields as constructor parameters, fits in `fit` with
    what `_learn` gives, and answers in `predict_proba`.

    Attributes:
        classes_: class labels, sorted (class,).
        n_features_in_: features seen in `fit`.
        constant_features_: columns that do not vary in the train part; they have no say.
    """

    config_class: ClassVar[type[Config]]

    @abstractmethod
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class)."""

    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,): the likeliest."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def feature_names(self) -> list[str]:
        """Names of the features in the order of `fit`; x0, x1, ... where it saw none."""
        check_is_fitted(self, "classes_")
        return feature_names(self)

    def _config(self) -> Any:
        """The validated parameters.

        Raises:
            UsageError: a parameter is wrong.
        """
        return self.config_class.parse(self.get_params(deep=False), source=type(self).__name__)

    def _learn(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Values (sample, feature) with NaN where missing, and class codes (sample,).

        Raises:
            ValueError: the data cannot be used. TooFewClassesError: only one class is present.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        values, labels = read_matrix(self, X, y=y, reset=True, least=2)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise TooFewClassesError(
                "only one class is present", got=f"{len(self.classes_)} class", expected="two or more classes"
            )
        self.constant_features_ = constant_columns(values)
        return values, codes

    def _new(self, X: Any) -> np.ndarray:
        """Values of new samples (sample, feature), features in the order of `fit`."""
        check_is_fitted(self, "classes_")
        values: np.ndarray = read_matrix(self, X, reset=False)
        return values

    def _facts(self) -> dict[str, Any]:
        """JSON-ready facts that `_restored` takes back."""
        return {"classes": self.classes_.tolist()} | input_facts(self)

    @classmethod
    def _restored(cls, config: Config, facts: Mapping[str, Any]) -> Self:
        """An estimator with that configuration and those facts, its learnt arrays still missing."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self.classes_ = np.asarray(facts["classes"])
        restore_input(self, facts)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def fill(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Values (sample, feature) with the mean of a feature (feature,) where one is missing."""
    missing = np.isnan(values)
    return np.where(missing, mean, values) if missing.any() else values


def observed_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the observed values of each feature (feature,); 0 where there are none."""
    observed = ~np.isnan(values)
    return np.where(observed, values, 0.0).sum(axis=0) / np.maximum(observed.sum(axis=0), 1)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities (sample, class) that are proportional to the exponentials of the scores."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
