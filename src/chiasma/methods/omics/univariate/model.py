"""Univariate feature selection with a simple classifier as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.methods.omics.univariate.config import Config
from chiasma.stats.matrix_classifier import MatrixClassifier, fill, observed_mean
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.penalised.elastic_net import class_probabilities, fit_path
from chiasma.stats.univariate import contrasts, run_tests

if TYPE_CHECKING:
    import pandas as pd

_SMALLEST_P = 1e-300


class Univariate(MatrixClassifier):
    """Features that differ between classes one by one, and a simple classifier on those alone.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Two classes
    make one contrast, the second against the first; more make one a class, it against the others, and a feature's p is
    then the least of its contrasts' times their number. A missing value is left out of the test and is the train
    part's mean for the classifier.

    Attributes:
        selected_: columns that predict, those of least p first (selected,).
        passed_: how many features pass the false discovery rate.
        tests_: "effect", "statistic" and "p" (contrast, feature), "q" and "least_p" (feature,).
        coef_, intercept_: of the classifier (column, selected) and (column,); one column for two classes.
    """

    config_class = Config

    def __init__(
        self,
        *,
        statistic: str = "moderated-t",
        fdr: float = 0.05,
        at_least: int = 5,
        at_most: int | None = None,
        classifier: str = "ridge",
        ridge: float = 0.1,
    ) -> None:
        self.statistic = statistic
        self.fdr = fdr
        self.at_least = at_least
        self.at_most = at_most
        self.classifier = classifier
        self.ridge = ridge

    def fit(self, X: Any, y: Any) -> Self:
        """Test and select features of X (sample, feature) by classes y (sample,), then fit the classifier.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        n_classes = len(self.classes_)
        tests = run_tests(values, codes, n_classes, config.statistic)
        p, q = tests.of_feature()
        self.tests_ = {"effect": tests.effect, "statistic": tests.statistic, "p": tests.p, "least_p": p, "q": q}
        self.selected_, self.passed_ = _select(p, q, np.abs(np.nan_to_num(tests.statistic)).max(axis=0), config)
        self.mean_ = observed_mean(values)
        chosen = fill(values, self.mean_)[:, self.selected_]
        fitter = _ridge if config.classifier == "ridge" else _centroids
        self.coef_, self.intercept_ = fitter(chosen, codes, n_classes, config.ridge)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class)."""
        values = fill(self._new(X), self.mean_)[:, self.selected_]
        return class_probabilities(values @ self.coef_.T + self.intercept_)

    def statistics(self) -> pd.DataFrame:
        """Every feature, least p first: effect, statistic and p of each contrast, p and q over all, and selected."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        table = {
            f"{column}: {part}": self.tests_[part][row]
            for row, column in enumerate(self._contrast_names())
            for part in ("effect", "statistic", "p")
        }
        found = pd.DataFrame(table | {"p": self.tests_["least_p"], "q": self.tests_["q"]}, index=index)
        found["selected"] = np.isin(np.arange(len(index)), self.selected_)
        return found.sort_values("p", kind="stable")

    def loadings(self) -> dict[str, pd.DataFrame]:
        """The statistic of selected features in each contrast, 0 for the others, and -log10 of each feature's FDR."""
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        taken = np.isin(np.arange(len(index)), self.selected_)
        statistic = np.nan_to_num(self.tests_["statistic"]) * taken
        table = dict(zip(self._contrast_names(), statistic))
        table["-log10 FDR"] = -np.log10(np.maximum(np.nan_to_num(self.tests_["q"], nan=1.0), _SMALLEST_P)) + 0.0
        return {VIEW: pd.DataFrame(table, index=index)}

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, p, q."""
        names = self.feature_names()
        return [
            {
                "view": VIEW,
                "component": 1,
                "rank": rank + 1,
                "feature": names[column],
                "p": float(self.tests_["least_p"][column]),
                "q": float(self.tests_["q"][column]),
            }
            for rank, column in enumerate(self.selected_)
        ]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        facts = self._facts() | {"passed": self.passed_}
        arrays = {f"tests/{name}": np.ascontiguousarray(part) for name, part in self.tests_.items()}
        arrays |= {"selected": self.selected_, "mean": self.mean_, "coef": self.coef_, "intercept": self.intercept_}
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.passed_ = int(meta["passed"])
        self.tests_ = {name.removeprefix("tests/"): part for name, part in arrays.items() if name.startswith("tests/")}
        self.selected_, self.mean_ = arrays["selected"], arrays["mean"]
        self.coef_, self.intercept_ = arrays["coef"], arrays["intercept"]
        return self

    def _contrast_names(self) -> list[str]:
        return [str(self.classes_[k]) for k in contrasts(len(self.classes_))]


def build(config: Config) -> Univariate:
    """The estimator of a configuration."""
    return Univariate(**{name: getattr(config, name) for name in type(config).model_fields})


def _select(p: np.ndarray, q: np.ndarray, size: np.ndarray, config: Config) -> tuple[np.ndarray, int]:
    """Columns taken, and how many pass; those of equal p by the size of their statistic."""
    order = np.lexsort((-size, np.nan_to_num(p, nan=np.inf)))
    order = order[~np.isnan(p[order])]
    passed = int((q <= config.fdr).sum())
    number = max(passed, config.at_least)
    number = number if config.at_most is None else min(number, config.at_most)
    return order[:number], passed


def _ridge(values: np.ndarray, codes: np.ndarray, n_classes: int, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    path = fit_path(values, codes, n_classes, l1_ratio=0.0, lambdas=np.array([ridge]))
    return path.coefficients[0], path.intercepts[0]


def _centroids(values: np.ndarray, codes: np.ndarray, n_classes: int, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Linear scores of Gaussian classes with equal priors and one diagonal covariance; `ridge` has no part in it."""
    one_hot = np.eye(n_classes)[codes]
    centroids = one_hot.T @ values / one_hot.sum(axis=0)[:, None]
    variance = ((values - centroids[codes]) ** 2).sum(axis=0) / max(len(values) - n_classes, 1)
    total = values.var(axis=0)
    variance = np.maximum(variance, 1e-6 * np.where(total > 0, total, 1.0))
    weights = centroids / variance
    intercepts = -0.5 * (weights * centroids).sum(axis=1)
    if n_classes == 2:
        return weights[1:] - weights[:1], intercepts[1:] - intercepts[:1]
    return weights, intercepts
