"""The simple rivals of networks on haplotypes: a moment estimator of rho, and linear models on summary statistics."""

from __future__ import annotations

from inspect import signature
from typing import Any, Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.encode.haplotypes import as_haplotypes
from chiasma.rivals.base import Rival
from chiasma.stats.popgen.sites import hudson_fst, hudson_rho, mean_differences_between, summarise

_MOST_TABLES = 8
_tables: dict[tuple[str, int, bytes], np.ndarray] = {}


def haplotype_rivals(data: Dataset) -> list[Rival]:
    """Rivals for simulated haplotypes, unfitted."""
    rivals: list[Rival] = [SummaryLinear()]
    if data.target.names == ("log_rho",):
        rivals.insert(0, HudsonMoment())
    return rivals


def statistics_of(data: Dataset) -> np.ndarray:
    """Summary statistics of each example (example, statistic), by population and together; held for the next rival.

    Missing figures are NaN; counts and variances are on the scale log(1 + x).
    """
    if not isinstance(data.x, Simulated):
        raise InputError("simulated haplotypes are needed", got=type(data.x).__name__)
    key = (repr(data.x.config), data.x.run_seed, np.asarray(data.x.index).tobytes())
    if key not in _tables:
        while len(_tables) >= _MOST_TABLES:
            _tables.pop(next(iter(_tables)))
        _tables[key] = np.array([_row(example) for example in data.x]).reshape(len(data.x), -1)
    return _tables[key]


def _row(example: dict[str, np.ndarray]) -> np.ndarray:
    haplotypes = as_haplotypes(example)
    positions = haplotypes.positions - haplotypes.start
    blocks = [haplotypes.alleles]
    between: list[float] = []
    sizes = example.get("sizes", np.zeros(0))
    if len(sizes) == 2:
        first, second = np.split(haplotypes.alleles, [sizes[0]])
        blocks += [first, second]
        differences = (first[:, None] != second[None]).sum(axis=2)
        least = [differences.min(), differences.min(axis=1).mean(), differences.min(axis=0).mean()]
        between = [hudson_fst(first, second), np.log1p(mean_differences_between(first, second)), *np.log1p(least)]
    rows = np.concatenate([summarise(block, positions, haplotypes.length) for block in blocks])
    with np.errstate(invalid="ignore"):
        tamed = np.where(rows > 2, np.log1p(np.maximum(rows, 0)) + 2 - np.log(3), rows)
    return np.concatenate([tamed, between])


class HudsonMoment(Rival):
    """Hudson's 1987 moment estimator of rho from the variance of pairwise differences."""

    def __init__(self) -> None:
        self.name = "hudson-moment"
        self.describes = "the variance of pairwise differences (Hudson 1987); nothing is learned but the range"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Take the range of log rho, and its mean for regions without an estimate, from the training targets."""
        values = data.target.values[:, 0]
        self.low_, self.high_, self.mean_ = float(values.min()), float(values.max()), float(values.mean())
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Log rho (example, 1)."""
        if not hasattr(self, "low_"):
            raise self._not_fitted()
        with np.errstate(divide="ignore"):
            values = np.log([hudson_rho(as_haplotypes(example).alleles) for example in data.x])  # type: ignore[union-attr]
        values = np.where(np.isnan(values), self.mean_, np.clip(values, self.low_, self.high_))
        return values[:, None]


class SummaryLinear(Rival):
    """Ridge or logistic regression on summary statistics, their squares and products with the first few."""

    def __init__(self) -> None:
        self.name = "summary-linear"
        self.describes = "a linear model on summary statistics (pi, Tajima's D, LD, Rmin, haplotypes, ...) and products"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit; the penalty is chosen by cross-validation inside."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegressionCV, RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import PolynomialFeatures, StandardScaler

        self.kind_, self.n_outputs_ = data.target.kind, data.target.n_outputs
        if self.kind_ == "regression":
            last = RidgeCV(alphas=np.logspace(-1, 4, 11))
            squares = [PolynomialFeatures(2, include_bias=False), StandardScaler()]
        else:
            newer: dict[str, Any] = {}
            if "use_legacy_attributes" in signature(LogisticRegressionCV).parameters:  # scikit-learn 1.8 and later
                newer = {"use_legacy_attributes": False, "l1_ratios": (0.0,)}
            last = LogisticRegressionCV(Cs=5, cv=3, scoring="accuracy", max_iter=500, random_state=seed, **newer)
            squares = []
        impute = SimpleImputer(keep_empty_features=True, add_indicator=False)
        self.model_ = make_pipeline(impute, StandardScaler(), *squares, last)
        target = data.target.values
        self.model_.fit(statistics_of(data), target)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Tracks, or class probabilities (example, output)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        rows = statistics_of(data)
        if self.kind_ == "regression":
            return self.model_.predict(rows).reshape(len(data), -1)
        out = np.zeros((len(data), self.n_outputs_))
        out[:, self.model_[-1].classes_.astype(int)] = self.model_.predict_proba(rows)
        return out
