"""Partial least squares between two views: what the dense and the sparse method share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from chiasma.core.errors import UsageError, nearest
from chiasma.stats.pls.block_components import course, find_components
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.component_views import ComponentViews, stack
from chiasma.stats.pls.sgcca import Block, Rules
from chiasma.stats.pls.two_view_perf import (
    TwoViewFit,
    TwoViewPerf,
    components_worth_having,
    prediction_errors,
    variate_correlations,
    view_folds,
)
from chiasma.stats.views import Arrays, ViewsError

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

    Drawn = dict[str, tuple[Figure, pd.DataFrame]]

TIE = np.array([[0.0, 1.0], [1.0, 0.0]])
"""The design of two views tied to each other."""


class TwoViewPls(ComponentViews):
    """Base of partial least squares in its two modes; made to be subclassed.

    In `regression` one view predicts the other: it alone places samples, and `predict` gives the response. In
    `canonical` the views are equal.

    Attributes:
        response_: name of the view that is predicted; in canonical mode the second.
        perf_: how well one component, two, ... do on samples held out of the fit in repeated folds, all learnt and
            tuned anew in each; None if not asked for.
    """

    n_views = 2

    def predict(self, X: Any) -> pd.DataFrame:
        """The response that the factors say, samples as rows and the response's features as columns."""
        import pandas as pd

        factors = self.transform(X)
        told = self.fitted_[self.response_].tell(factors)
        return pd.DataFrame(told, columns=list(self.feature_names_[self.response_]))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        perf = self.perf_
        arrays |= {f"perf/{name}": table for name, table in (perf.features if perf else {}).items()}
        return arrays, facts | {"response": self.response_, "perf": None if perf is None else perf.rows}

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.response_ = meta["response"]
        features = {name.removeprefix("perf/"): table for name, table in arrays.items() if name.startswith("perf/")}
        self.perf_ = None if meta["perf"] is None else TwoViewPerf(meta["perf"], features)
        return self

    def components_worth_having(self) -> int:
        """How many components better the prediction of held-out samples; in regression mode, with `perf_repeats`.

        A further one must better the squared error by a one-sided t-test over three repeats or more, the first that of
        the means; with fewer repeats the least error.
        """
        if self.perf_ is None or not self.perf_.features:
            raise UsageError(
                "no prediction was cross-validated",
                got="canonical mode" if self.perf_ is not None else "perf_repeats = 0",
                expected="perf_repeats of 1 or more, mode = regression",
            )
        return components_worth_having(self.perf_.rows)

    def errors_by_feature(self) -> pd.DataFrame:
        """Rows of component, feature of the response, q2, r2, msep (squared units of the input) on held-out samples."""
        import pandas as pd

        tables = {} if self.perf_ is None else self.perf_.features
        names = self.feature_names_[self.response_]
        n_components = self._n_features_out if tables else 0
        index = pd.MultiIndex.from_product([range(1, n_components + 1), names], names=["component", "feature"])
        return pd.DataFrame({name: table.ravel() for name, table in tables.items()}, index=index).reset_index()

    def _drawn(self, view_figures: Callable[..., Drawn], component_quality: Callable[..., Any]) -> Drawn:
        """`figures` of a subclass, by the functions that draw; the second where `perf_repeats` asked for figures."""
        variates = {name: view.variates for name, view in self.fitted_.items()}
        drawn = view_figures(self.correlations(), self.explained(), variates)
        return drawn if self.perf_ is None else drawn | {"component_quality": component_quality(self.perf_.rows)}

    def _judge(self, data: Arrays, config: Any, groups: Any) -> TwoViewPerf | None:
        """What `perf_` holds; `groups` is the unit of each sample (sample,), which no fold divides."""
        folds = view_folds(data.n_samples, config, groups)
        if folds is None:
            return None
        first = next(name for name in self.views_ if name != self.response_)

        def fit(rows: np.ndarray) -> TwoViewFit:
            own = self
            if len(rows) < data.n_samples:
                unit = None if groups is None else np.asarray(groups)[rows]
                own = clone(self).set_params(perf_repeats=0)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # said of the fit to all samples
                    own.fit({name: block[rows] for name, block in data.values.items()}, groups=unit)
            return TwoViewFit(own.fitted_[first], own.fitted_[self.response_], own._factors)

        ncomp = config.ncomp
        if config.mode == "canonical":
            names = (first, self.response_)
            return variate_correlations(data.values, fit, folds=folds, names=names, n_components=ncomp)
        return prediction_errors(data.values, fit, folds=folds, response=self.response_, n_components=ncomp)

    def _fit_pls(self, data: Arrays, config: Any, keep: Sequence[tuple[int, ...]]) -> Self:
        """Fit to these views; `keep` is the features kept at each component of the predictor, then of the response."""
        self.response_ = self._response(config.response)
        order = [*(name for name in self.views_ if name != self.response_), self.response_]
        self.placing_ = order[:1] if config.mode == "regression" else list(self.views_)
        scaling = {
            name: learn_scaling(data.values[name], scale=config.scale, drop_near_zero=config.near_zero_var)
            for name in order
        }
        blocks = {name: Block(*scaling[name].apply(data.values[name])) for name in order}
        widths = [data.values[name].shape[1] for name in order]
        numbers = [[min(of_view[h], p) for of_view, p in zip(keep, widths)] for h in range(config.ncomp)]
        rules = Rules(TIE, "horst", config.tol, config.max_iter)
        components = find_components(list(blocks.values()), numbers, rules, mode=config.mode, init="svd")
        self._keep_course(course(components))
        self._warn_unless_settled(config)
        learnt = {}
        for index, name in enumerate(order):
            loadings = stack([component.loadings[index] for component in components])
            variates = stack([component.variates[index] for component in components])
            learnt[name] = loadings, variates, variates.T @ (blocks[name].values @ loadings)
        self._settle(data.values, blocks, scaling, {name: learnt[name] for name in self.views_})
        return self

    def _response(self, asked: str | None) -> str:
        if asked is None:
            return self.views_[-1]
        if asked not in self.views_:
            close = nearest(asked, self.views_)
            raise ViewsError(
                "the response is none of the views",
                got=asked,
                expected=" or ".join(self.views_),
                do=f"did you mean {close!r}?" if close else None,
            )
        return asked
