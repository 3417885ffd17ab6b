"""LASSO and elastic net for classes as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.core.rng import generator
from chiasma.methods.omics.lasso.config import Config
from chiasma.stats.folds import stratified_folds
from chiasma.stats.matrix_classifier import MatrixClassifier, fill, observed_mean
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.penalised.elastic_net import (
    class_probabilities,
    first_penalty,
    fit_path,
    order_of_entry,
    penalties_down_to,
)
from chiasma.stats.penalised.elastic_net_cv import PenaltyCurve, cross_validate_penalty
from chiasma.stats.stability import features_a_resample, stability_selection

if TYPE_CHECKING:
    import pandas as pd

STABILITY = "stability"
"""Column of the loadings with the share of half samples that select a feature."""
_LEAST_MIX = 0.1
"""Share of the absolute penalty in the halves of stability selection at least: ridge selects nothing."""
_CURVE = ("lambda", "deviance", "error", "selected")


class Lasso(MatrixClassifier):
    """A logistic model with few features: two classes have one column of coefficients, more have one a class.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. More than two
    classes share a softmax with a penalty on every coefficient (glmnet's "ungrouped" multinomial), so a feature may be
    selected for some classes only. A missing value is the train part's mean.

    Attributes:
        coef_, intercept_: on the scale of the features (column, feature) and (column,).
        strength_: the penalty used; lambda_min_ and lambda_1se_ are what cross-validation proposes, None without.
        curve_: "lambda", "deviance" (held out), "error" (standard, of it) and "selected" (step,); empty without.
        folds_: fold of each sample of the train part (sample,); empty without cross-validation.
        stability_: share of halves that select each feature (feature,); empty if not asked for.
        stability_features_: features that each half was allowed to select.
    """

    config_class = Config

    def __init__(
        self,
        *,
        l1_ratio: float = 1.0,
        strength: float | None = None,
        pick: str = "min",
        cv_folds: int = 10,
        tol: float = 1e-11,
        stability_resamples: int = 50,
        stability_threshold: float = 0.75,
        stability_false: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.strength = strength
        self.pick = pick
        self.cv_folds = cv_folds
        self.tol = tol
        self.stability_resamples = stability_resamples
        self.stability_threshold = stability_threshold
        self.stability_false = stability_false
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None, fold_ids: Any = None) -> Self:
        """Choose the penalty and fit to X (sample, feature), NaN where missing, and classes y (sample,).

        Args:
            X: DataFrame, array or Matrix.
            y: classes.
            groups: unit of each sample, never divided by the folds (sample,).
            fold_ids: the folds themselves (sample,), in place of drawn ones.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
            MismatchError: fold ids of another length, or of one fold.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        self.mean_ = observed_mean(values)
        values = fill(values, self.mean_)
        n_classes = len(self.classes_)
        common: dict[str, Any] = {"l1_ratio": config.l1_ratio, "tolerance": config.tol}
        self.folds_ = np.zeros(0, dtype=np.int64)
        self.lambda_min_: float | None = None
        self.lambda_1se_: float | None = None
        self.curve_ = {name: np.zeros(0) for name in _CURVE}
        if config.strength is None:
            self.folds_ = _folds(config, codes, groups, fold_ids)
            found = cross_validate_penalty(values, codes, n_classes, self.folds_, **common)
            path, step = found.path, found.step_min if config.pick == "min" else found.step_1se
            self._keep_curve(found)
        else:
            most = first_penalty(values, codes, n_classes, l1_ratio=config.l1_ratio)
            path = fit_path(values, codes, n_classes, lambdas=penalties_down_to(config.strength, most), **common)
            step = -1
        self.strength_ = float(path.lambdas[step])
        self.coef_, self.intercept_ = path.coefficients[step].copy(), path.intercepts[step].copy()
        self._measure_stability(values, codes, config)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class)."""
        values = fill(self._new(X), self.mean_)
        return class_probabilities(values @ self.coef_.T + self.intercept_)

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Coefficients by class (of two, the second) and, where measured, the share of halves that select a feature."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        table = dict(zip(self._columns(), self.coef_))
        if len(self.stability_):
            table[STABILITY] = self.stability_
        return {VIEW: pd.DataFrame(table, index=index)}

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component (of the class), class, rank, feature, loading."""
        names, rows = self.feature_names(), []
        for component, (label, weights) in enumerate(zip(self._columns(), self.coef_), start=1):
            order = np.argsort(-np.abs(weights), kind="stable")[: np.count_nonzero(weights)]
            common = {"view": VIEW, "component": component, "class": label}
            rows += [
                {**common, "rank": rank, "feature": names[column], "loading": float(weights[column])}
                for rank, column in enumerate(order, start=1)
            ]
        return rows

    def stable(self) -> list[str]:
        """Features whose share of halves reaches `stability_threshold`, the steadiest first."""
        names = self.feature_names()
        order = np.argsort(-self.stability_, kind="stable")
        return [names[column] for column in order if self.stability_[column] >= self.stability_threshold]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        facts = self._facts() | {
            "strength": self.strength_,
            "lambda_min": self.lambda_min_,
            "lambda_1se": self.lambda_1se_,
            "stability_features": self.stability_features_,
        }
        arrays = {f"curve/{name}": part for name, part in self.curve_.items()}
        arrays |= {"mean": self.mean_, "coef": self.coef_, "intercept": self.intercept_}
        return arrays | {"folds": self.folds_, "stability": self.stability_}, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.strength_, self.lambda_min_, self.lambda_1se_ = meta["strength"], meta["lambda_min"], meta["lambda_1se"]
        self.stability_features_ = int(meta["stability_features"])
        self.curve_ = {name: arrays[f"curve/{name}"] for name in _CURVE}
        self.mean_, self.coef_, self.intercept_ = arrays["mean"], arrays["coef"], arrays["intercept"]
        self.folds_, self.stability_ = arrays["folds"], arrays["stability"]
        return self

    def _keep_curve(self, found: PenaltyCurve) -> None:
        path = found.path
        self.lambda_min_, self.lambda_1se_ = float(path.lambdas[found.step_min]), float(path.lambdas[found.step_1se])
        parts = (path.lambdas, found.mean, found.error, path.selected.astype(float))
        self.curve_ = dict(zip(_CURVE, parts))

    def _measure_stability(self, values: np.ndarray, codes: np.ndarray, config: Config) -> None:
        p, n_classes = values.shape[1], len(self.classes_)
        self.stability_features_ = features_a_resample(
            p, threshold=config.stability_threshold, false_selections=config.stability_false
        )
        self.stability_ = np.zeros(0)
        if not config.stability_resamples:
            return
        number = self.stability_features_
        mix = max(config.l1_ratio, _LEAST_MIX)

        def choose(rows: np.ndarray) -> np.ndarray:
            path = fit_path(values[rows], codes[rows], n_classes, l1_ratio=mix, most=number, tolerance=1e-6)
            chosen = np.zeros(p, dtype=bool)
            chosen[order_of_entry(path)[:number]] = True
            return chosen

        random = generator(config.random_state, "lasso-stability")
        self.stability_ = stability_selection(choose, codes, resamples=config.stability_resamples, random=random)

    def _columns(self) -> list[str]:
        labels = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return [str(label) for label in labels]


def build(config: Config) -> Lasso:
    """The estimator of a configuration."""
    return Lasso(**{name: getattr(config, name) for name in type(config).model_fields})


def _folds(config: Config, codes: np.ndarray, groups: Any, fold_ids: Any) -> np.ndarray:
    if fold_ids is not None:
        folds = np.unique(np.asarray(fold_ids), return_inverse=True)[1]
        if len(folds) != len(codes) or folds.max(initial=0) < 1:
            got = f"{len(folds)} ids of {folds.max(initial=-1) + 1} folds"
            raise MismatchError("fold ids do not fit the samples", got=got, expected=f"{len(codes)} of two or more")
        return folds
    unit = np.arange(len(codes)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    smallest = min(len(np.unique(unit[codes == code])) for code in np.unique(codes))
    number = max(min(config.cv_folds, smallest), 2)
    return stratified_folds(codes, number, random=generator(config.random_state, "lasso-folds"), unit=unit)
