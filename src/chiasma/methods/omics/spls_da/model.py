"""Sparse PLS-DA as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from chiasma.core.rng import generator
from chiasma.methods.omics.spls_da.config import Config
from chiasma.stats.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.block_summary import explained_variance
from chiasma.stats.block_tuning import TuningRules, tune_keep
from chiasma.stats.folds import stratified_folds
from chiasma.stats.plsda_prediction import Verdict, decide
from chiasma.stats.plsda_state import class_profiles, from_arrays, selected_rows
from chiasma.stats.plsda_state import to_arrays as state_arrays

if TYPE_CHECKING:
    import pandas as pd

BLOCK = "x"


class SplsDa(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator):
    """Sparse components of one matrix that tell classes apart.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`.

    Attributes:
        classes_: class labels, sorted (class,).
        n_features_in_: features seen in `fit`.
        keep_x_: features kept at each component, given or tuned.
        tuning_errors_: for each component, balanced error rate by number of kept features; None if not tuned.
        model_: the fitted BlockPlsda with the one block "x".
        explained_variance_: share of the matrix's variance by component, and of the class as "Y".
        constant_features_: columns that do not vary in the train part and are left out.
        n_iter_: most sweeps of any component.
    """

    def __init__(
        self,
        *,
        ncomp: int = 2,
        keep_x: Any = None,
        mode: str = "regression",
        init: str = "svd",
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        distance: str = "centroids",
        tune_grid: tuple[int, ...] = (5, 10, 20, 50),
        tune_folds: int = 5,
        tune_repeats: int = 1,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.keep_x = keep_x
        self.mode = mode
        self.init = init
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.distance = distance
        self.tune_grid = tune_grid
        self.tune_folds = tune_folds
        self.tune_repeats = tune_repeats
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        `groups` (sample,) names the unit of each sample, which tuning never divides.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = Config.parse(self.get_params(deep=False), source="SplsDa")
        values, labels = validate_data(
            self, _plain(X), y, dtype=np.float64, order="C", ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        if np.isinf(values).any():
            raise ValueError("Input X contains infinity")
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        lowest, highest = np.fmin.reduce(values), np.fmax.reduce(values)
        self.constant_features_ = np.flatnonzero(~(highest > lowest))
        keep = config.keep_x
        self.tuning_errors_: list[dict[int, float]] | None = None
        if keep is None:
            keep = self._tune(config, values, codes, groups)
        rules = _rules(config, keep, values.shape[1])
        self.keep_x_ = rules.keep[BLOCK]
        self.model_ = fit_block_plsda({BLOCK: values}, codes, len(self.classes_), rules)
        self.n_iter_ = max(self.model_.iterations)
        if not all(self.model_.converged):
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} sweeps; raise max_iter",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.explained_variance_ = explained_variance(self.model_, {BLOCK: values}, codes)
        self.profile_ = class_profiles(self.model_, {BLOCK: values}, codes)[BLOCK]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,)."""
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
        check_is_fitted(self, "model_")
        config = Config.parse(self.get_params(deep=False), source="SplsDa")
        values = validate_data(self, _plain(X), dtype=np.float64, order="C", ensure_all_finite="allow-nan", reset=False)
        if np.isinf(values).any():
            raise ValueError("Input X contains infinity")
        return decide(self.model_, {BLOCK: values}, distance=config.distance)

    def transform(self, X: Any) -> np.ndarray:
        """Variates (sample, component)."""
        return self.decide(X).opinions[BLOCK].variates

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings, features as rows and comp1, comp2, ... as columns."""
        import pandas as pd

        check_is_fitted(self, "model_")
        columns = [f"comp{index + 1}" for index in range(self.model_.n_components)]
        index = pd.Index(self._names(), name="feature")
        return {BLOCK: pd.DataFrame(self.model_.blocks[BLOCK].loadings, index=index, columns=columns)}

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, loading, class in which it is highest."""
        check_is_fitted(self, "model_")
        return selected_rows(self.model_, {BLOCK: self._names()}, {BLOCK: self.profile_}, self.classes_)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self, "model_")
        arrays, model = state_arrays(self.model_)
        arrays |= {f"explained/{name}": values for name, values in self.explained_variance_.items()}
        arrays["profile"] = np.ascontiguousarray(self.profile_)
        errors = self.tuning_errors_
        facts = {
            "model": model,
            "classes": self.classes_.tolist(),
            "features": [str(name) for name in self._names()],
            "named": hasattr(self, "feature_names_in_"),
            "keep_x": list(self.keep_x_),
            "tuning": None if errors is None else [[list(pair) for pair in table.items()] for table in errors],
            "constant": self.constant_features_.tolist(),
        }
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self.model_ = from_arrays(arrays, meta["model"])
        self.classes_ = np.asarray(meta["classes"])
        self.n_features_in_ = len(meta["features"])
        if meta["named"]:
            self.feature_names_in_ = np.asarray(meta["features"], dtype=object)
        self.keep_x_ = tuple(meta["keep_x"])
        tuning = meta["tuning"]
        self.tuning_errors_ = None if tuning is None else [{int(k): float(e) for k, e in table} for table in tuning]
        self.constant_features_ = np.asarray(meta["constant"], dtype=np.int64)
        self.n_iter_ = max(self.model_.iterations)
        self.explained_variance_ = {name: arrays[f"explained/{name}"] for name in (BLOCK, "Y")}
        self.profile_ = arrays["profile"]
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.model_.n_components

    def _names(self) -> np.ndarray:
        unnamed = np.asarray([f"x{column}" for column in range(self.n_features_in_)], dtype=object)
        return getattr(self, "feature_names_in_", unnamed)

    def _tune(self, config: Config, values: np.ndarray, codes: np.ndarray, groups: Any) -> tuple[int, ...]:
        """The choice of the inner folds; where a class is too small for folds, the middle of the grid."""
        unit = np.arange(len(codes)) if groups is None else np.unique(groups, return_inverse=True)[1]
        n_folds = min(config.tune_folds, *(len(np.unique(unit[codes == code])) for code in np.unique(codes)))
        if n_folds < 2 or len(self.classes_) < 2:
            return (sorted(config.tune_grid)[len(config.tune_grid) // 2],) * config.ncomp
        folds = [
            stratified_folds(codes, n_folds, random=generator(config.random_state, "tune", repeat), unit=unit)
            for repeat in range(config.tune_repeats)
        ]
        rules = _rules(config, 1, values.shape[1])
        tuning = TuningRules({BLOCK: config.tune_grid}, config.distance)
        found = tune_keep({BLOCK: values}, codes, rules, tuning, folds=folds)
        self.tuning_errors_ = [{choice[0]: error for choice, error in table.items()} for table in found.errors]
        return found.keep[BLOCK]


def build(config: Config) -> SplsDa:
    """The estimator of a configuration."""
    return SplsDa(**{name: getattr(config, name) for name in type(config).model_fields})


def _rules(config: Config, keep: tuple[int, ...] | int, n_features: int) -> PlsdaRules:
    numbers = (keep,) * config.ncomp if isinstance(keep, int) else keep
    return PlsdaRules(
        config.ncomp,
        {BLOCK: tuple(min(number, n_features) for number in numbers)},
        np.zeros((1, 1)),
        mode=config.mode,
        init=config.init,
        scale=config.scale,
        tolerance=config.tol,
        max_iterations=config.max_iter,
        drop_near_zero=config.near_zero_var,
    )


def _plain(X: Any) -> Any:
    """A Matrix as a DataFrame, so that feature names are seen; all else unchanged."""
    if not hasattr(X, "features") or hasattr(X, "columns"):
        return X
    import pandas as pd

    return pd.DataFrame(X.values, index=X.samples, columns=[str(feature) for feature in X.features])
