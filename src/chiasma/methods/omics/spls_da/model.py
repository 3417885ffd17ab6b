"""Sparse PLS-DA as a scikit-learn estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.methods.omics.spls_da.config import Config
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.pls.block_perf import perf_folds
from chiasma.stats.pls.block_plsda import PlsdaRules
from chiasma.stats.pls.plsda_classifier import SparsePlsda, make_rules, tune_one_block
from chiasma.stats.pls.plsda_state import class_profiles

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class SplsDa(SparsePlsda):
    """Sparse components of one matrix that tell classes apart.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Further fitted
    attributes are those of `PlsdaClassifier` and `SparsePlsda`.
    """

    config_class = Config

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
        perf_repeats: int = 0,
        perf_folds: int = 10,
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
        self.perf_repeats = perf_repeats
        self.perf_folds = perf_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        `groups` (sample,) names the unit of each sample, which no fold divides.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        rules, self.tuning_errors_ = _tuned(config, values, codes, groups)
        self.keep_x_ = rules.keep[VIEW]
        self._fit_model(values, codes, config, rules)
        self._summarise(values, codes)
        self.profile_ = class_profiles(self.model_, {VIEW: values}, codes)[VIEW]

        def tuned_without(train: np.ndarray) -> PlsdaRules:
            own = None if groups is None else np.asarray(groups)[train]
            return _tuned(config, values[train], codes[train], own)[0]

        nested = rules if config.keep_x is not None else tuned_without
        self._judge(values, codes, nested, folds=perf_folds(codes, config, groups))
        return self

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained and circle of correlations, each with its table; errors by component if asked for."""
        from chiasma.plot.component_figures import matrix_figures

        return matrix_figures(self.correlations(), self.explained(), errors=self.perf_)


def _tuned(
    config: Config, values: np.ndarray, codes: np.ndarray, groups: Any
) -> tuple[PlsdaRules, list[dict[int, float]] | None]:
    """Rules of the model, keep_x as given or tuned on these samples; errors of what was tried, None if nothing was."""
    keep, errors = config.keep_x, None
    if keep is None:
        rules = make_rules(config, 1, values.shape[1], init=config.init)
        keep, errors = tune_one_block(values, codes, config, rules, groups)
    return make_rules(config, keep, values.shape[1], init=config.init), errors


def build(config: Config) -> SplsDa:
    """The estimator of a configuration."""
    return SplsDa(**{name: getattr(config, name) for name in type(config).model_fields})
