"""Sparse partial least squares between two views as a scikit-learn estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from chiasma.methods.omics.spls.config import Config
from chiasma.stats.block_summary import ranked_features
from chiasma.stats.two_view_pls import TwoViewPls

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Spls(TwoViewPls):
    """Components of few features of two views that vary together.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Missing values
    are passed over. The fitted attributes are those of `TwoViewPls`.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        keep_x: Any = 25,
        keep_y: Any = 25,
        mode: str = "regression",
        response: str | None = None,
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
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

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to two views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are.
        """
        config = self._config()
        data = self._learn(X)
        keep = [(k,) * config.ncomp if isinstance(k, int) else k for k in (config.keep_x, config.keep_y)]
        return self._fit_pls(data, config, keep)

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, loading."""
        check_is_fitted(self, "fitted_")
        loadings = {name: view.loadings for name, view in self.fitted_.items()}
        return ranked_features(loadings, self.feature_names_)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos and network, each with its table."""
        from chiasma.plot.component_figures import view_figures

        variates = {name: view.variates for name, view in self.fitted_.items()}
        return view_figures(self.correlations(), self.explained(), variates)


def build(config: Config) -> Spls:
    """The estimator of a configuration."""
    return Spls(**{name: getattr(config, name) for name in type(config).model_fields})
