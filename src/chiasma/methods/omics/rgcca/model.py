"""Regularised generalised canonical correlation of several views as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from chiasma.methods.omics.rgcca.config import Config
from chiasma.stats.pls.block_components import course, find_components, left_over
from chiasma.stats.pls.block_design import keep_by_view, make_design
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.block_summary import ranked_features
from chiasma.stats.pls.component_views import ComponentViews, stack
from chiasma.stats.pls.regularised_cca import shrinkage_intensity
from chiasma.stats.pls.rgcca import find_rgcca_component
from chiasma.stats.pls.sgcca import Block, Component, Rules
from chiasma.stats.views import ViewsError

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Rgcca(ComponentViews):
    """Components of any number of views that go together, each between most variance and most correlation.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. A missing value
    is the feature's mean, or is passed over where `keep_x` makes the components sparse. Further fitted attributes are
    those of `ComponentViews`.

    Attributes:
        tau_: of each view: given, or the intensity that its correlations ask for.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        tau: Any = "optimal",
        keep_x: Any = None,
        design: Any = "full",
        scheme: str = "factorial",
        scale: bool = True,
        tol: float = 1e-10,
        max_iter: int = 1000,
    ) -> None:
        self.ncomp = ncomp
        self.tau = tau
        self.keep_x = keep_x
        self.design = design
        self.scheme = scheme
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are.
        """
        config = self._config()
        data = self._learn(X)
        self.placing_ = list(self.views_)
        scaling = {name: learn_scaling(block, scale=config.scale) for name, block in data.values.items()}
        blocks = {name: Block(*scaling[name].apply(block)) for name, block in data.values.items()}
        self.tau_ = _taus(config, blocks)
        rules = Rules(make_design(config.design, self.views_), config.scheme, config.tol, config.max_iter)
        parts = list(blocks.values())
        if config.keep_x is None:
            components = _components(parts, [self.tau_[name] for name in self.views_], rules, config.ncomp)
        else:
            widths = {name: block.shape[1] for name, block in data.values.items()}
            kept = keep_by_view(config.keep_x, config.ncomp, widths)
            numbers = [[kept[name][h] for name in self.views_] for h in range(config.ncomp)]
            components = find_components(parts, numbers, rules, mode="canonical", init="svd.single")
        self._keep_course(course(components))
        self._warn_unless_settled(config)
        learnt = {}
        for index, name in enumerate(self.views_):
            loadings = stack([component.loadings[index] for component in components])
            variates = stack([component.variates[index] for component in components])
            learnt[name] = loadings, variates, variates.T @ (blocks[name].values @ loadings)
        self._settle(data.values, blocks, scaling, learnt)
        return self

    @available_if(lambda self: self.keep_x is not None)
    def selected(self) -> list[dict[str, Any]]:
        """Features of the sparse components as rows: view, component, rank, feature, loading."""
        loadings = {name: view.loadings for name, view in self.fitted_.items()}
        return ranked_features(loadings, self.feature_names_)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        return arrays, facts | {"tau": self.tau_}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.tau_ = {name: float(value) for name, value in meta["tau"].items()}
        return self

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos and network, each with its table."""
        from chiasma.plot.component_figures import view_figures

        variates = {name: view.variates for name, view in self.fitted_.items()}
        return view_figures(self.correlations(), self.explained(), variates)


def build(config: Config) -> Rgcca:
    """The estimator of a configuration."""
    return Rgcca(**{name: getattr(config, name) for name in type(config).model_fields})


def _taus(config: Config, blocks: Mapping[str, Block]) -> dict[str, float]:
    given = config.tau if isinstance(config.tau, tuple) else (config.tau,) * len(blocks)
    if len(given) != len(blocks):
        raise ViewsError("another number of tau than views", got=len(given), expected=len(blocks))
    taus = {}
    for (name, block), asked in zip(blocks.items(), given):
        taus[name] = shrinkage_intensity(block.values) if isinstance(asked, str) else asked
        n, width = len(block.values), int(block.values.any(axis=0).sum())
        if taus[name] == 0 and width >= n:
            raise ViewsError(
                "tau 0 needs fewer features than samples",
                where=f"view {name}",
                got=f"{width} features of {n} samples",
                do="take tau optimal, or a number above 0",
            )
    return taus


def _components(blocks: list[Block], taus: list[float], rules: Rules, n_components: int) -> list[Component]:
    residuals = list(blocks)
    components: list[Component] = []
    for number in range(n_components):
        if number:
            residuals = left_over(blocks, residuals, components[-1], "canonical")
        components.append(find_rgcca_component(residuals, taus, rules))
    return components
