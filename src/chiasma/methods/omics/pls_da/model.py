"""PLS-DA as a scikit-learn estimator: the block engine with one block and every feature kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.methods.omics.pls_da.config import Config
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.pls.block_perf import perf_folds
from chiasma.stats.pls.plsda_classifier import PlsdaClassifier, make_rules
from chiasma.stats.pls.vip import importance_in_projection

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

VIP = "VIP"
"""Column of the loadings with the importance of a feature over all components."""


class PlsDa(PlsdaClassifier):
    """Components of all features of one matrix that tell classes apart.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Further fitted
    attributes are those of `PlsdaClassifier`.

    Attributes:
        vip_: importance of each feature with the first component, the first two, ... (feature, component).
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        mode: str = "regression",
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        distance: str = "centroids",
        perf_repeats: int = 0,
        perf_folds: int = 10,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.mode = mode
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.distance = distance
        self.perf_repeats = perf_repeats
        self.perf_folds = perf_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        `groups` (sample,) names the unit of each sample, which the folds of `perf_repeats` never divide.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or have one class only.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        rules = make_rules(config, values.shape[1], values.shape[1])
        self._fit_model(values, codes, config, rules)
        self._summarise(values, codes)
        self._judge(values, codes, rules, folds=perf_folds(codes, config, groups))
        self.vip_ = importance_in_projection(self.model_, VIEW, codes)
        return self

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings, features as rows and comp1, comp2, ... as columns, and the VIP over all components."""
        table = super().loadings()[VIEW]
        return {VIEW: table.assign(**{VIP: self.vip_[:, -1]})}

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained and circle of correlations, each with its table; errors by component if asked for."""
        from chiasma.plot.component_figures import matrix_figures

        return matrix_figures(self.correlations(), self.explained(), errors=self.perf_)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        return arrays | {"vip": np.ascontiguousarray(self.vip_)}, facts

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.vip_ = arrays["vip"]
        return self


def build(config: Config) -> PlsDa:
    """The estimator of a configuration."""
    return PlsDa(**{name: getattr(config, name) for name in type(config).model_fields})
