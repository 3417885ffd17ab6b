"""Sparse partial least squares between two views as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from chiasma.core.rng import generator
from chiasma.methods.omics.spls.config import Config
from chiasma.stats.folds import stratified_folds
from chiasma.stats.pls.block_summary import ranked_features
from chiasma.stats.pls.sgcca import Rules
from chiasma.stats.pls.two_view_pls import TIE, TwoViewPls
from chiasma.stats.pls.two_view_tuning import tune_two_views
from chiasma.stats.views import Arrays

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Spls(TwoViewPls):
    """Components of few features of two views that vary together.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Missing values
    are passed over. Further fitted attributes are those of `TwoViewPls`.

    Attributes:
        keep_x_, keep_y_: features kept at each component of predictor and response, given or tuned; the middle of the
            grid where `groups` is one unit.
        tuning_: for each component, held-out correlation of the variates by numbers kept; None if not tuned.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        keep_x: Any = None,
        keep_y: Any = None,
        mode: str = "regression",
        response: str | None = None,
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        tune_grid: tuple[int, ...] = (5, 10, 20, 50),
        tune_folds: int = 5,
        perf_repeats: int = 0,
        perf_folds: int = 10,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.keep_x = keep_x
        self.keep_y = keep_y
        self.mode = mode
        self.response = response
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.tune_grid = tune_grid
        self.tune_folds = tune_folds
        self.perf_repeats = perf_repeats
        self.perf_folds = perf_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Fit to two views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at.

        `groups` (sample,) names the unit of each sample, which no fold divides.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are.
        """
        config = self._config()
        data = self._learn(X)
        keep = [(k,) * config.ncomp if isinstance(k, int) else k for k in (config.keep_x, config.keep_y)]
        self.tuning_ = None
        if None in keep:
            keep, self.tuning_ = self._tune(config, data, keep, groups)
        self.keep_x_, self.keep_y_ = keep
        self._fit_pls(data, config, keep)
        self.perf_ = self._judge(data, config, groups)
        return self

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        tuning = None if self.tuning_ is None else [[[*pair, r] for pair, r in each.items()] for each in self.tuning_]
        return arrays, facts | {"keep_x": list(self.keep_x_), "keep_y": list(self.keep_y_), "tuning": tuning}

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.keep_x_, self.keep_y_ = tuple(meta["keep_x"]), tuple(meta["keep_y"])
        tuning = meta["tuning"]
        self.tuning_ = None if tuning is None else [{(a, b): r for a, b, r in each} for each in tuning]
        return self

    def _tune(self, config: Config, data: Arrays, keep: list[Any], groups: Any) -> tuple[list[Any], Any]:
        """Numbers kept of both views; one that is given is the same candidate at every component, its largest.

        Where there is one unit only, which no fold divides, the middle of the grid, and None for what was tried.
        """
        units = data.n_samples if groups is None else len(np.unique(groups))
        if units < 2:
            middle = (sorted(config.tune_grid)[len(config.tune_grid) // 2],) * config.ncomp
            return [middle if given is None else given for given in keep], None
        response = self._response(config.response)
        order = [*(name for name in self.views_ if name != response), response]
        grids = [config.tune_grid if given is None else (max(given),) for given in keep]
        nobody = np.zeros(data.n_samples, dtype=np.int64)
        fold = stratified_folds(nobody, config.tune_folds, random=generator(config.random_state, "tune"), unit=groups)
        chosen, worth = tune_two_views(
            (data.values[order[0]], data.values[order[1]]),
            (grids[0], grids[1]),
            config.ncomp,
            Rules(TIE, "horst", config.tol, config.max_iter),
            fold=fold,
            mode=config.mode,
            scale=config.scale,
        )
        tuned = [tuple(pair[view] for pair in chosen) for view in (0, 1)]
        return [found if given is None else given for found, given in zip(tuned, keep)], worth

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, loading."""
        check_is_fitted(self, "fitted_")
        loadings = {name: view.loadings for name, view in self.fitted_.items()}
        return ranked_features(loadings, self.feature_names_)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos and network, each with its table.

        Where `perf_repeats` asked for it, also how well held-out samples are told by number of components.
        """
        from chiasma.plot.component_figures import view_figures
        from chiasma.plot.component_quality import component_quality

        return self._drawn(view_figures, component_quality)


def build(config: Config) -> Spls:
    """The estimator of a configuration."""
    return Spls(**{name: getattr(config, name) for name in type(config).model_fields})
