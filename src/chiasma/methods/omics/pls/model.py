"""Partial least squares between two views as a scikit-learn estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from chiasma.methods.omics.pls.config import Config
from chiasma.stats.pls.two_view_pls import TwoViewPls

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Pls(TwoViewPls):
    """Components of all features of two views that vary together.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Missing values
    are passed over. The fitted attributes are those of `TwoViewPls`.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        mode: str = "regression",
        response: str | None = None,
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        perf_repeats: int = 0,
        perf_folds: int = 10,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.mode = mode
        self.response = response
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.perf_repeats = perf_repeats
        self.perf_folds = perf_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Fit to two views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at.

        `groups` (sample,) names the unit of each sample, which the folds of `perf_repeats` never divide.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are.
        """
        config = self._config()
        data = self._learn(X)
        every = (max(block.shape[1] for block in data.values.values()),) * config.ncomp
        self._fit_pls(data, config, [every, every])
        self.perf_ = self._judge(data, config, groups)
        return self

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos and network, each with its table.

        Where `perf_repeats` asked for it, also how well held-out samples are told by number of components.
        """
        from chiasma.plot.component_figures import view_figures
        from chiasma.plot.component_quality import component_quality

        return self._drawn(view_figures, component_quality)


def build(config: Config) -> Pls:
    """The estimator of a configuration."""
    return Pls(**{name: getattr(config, name) for name in type(config).model_fields})
