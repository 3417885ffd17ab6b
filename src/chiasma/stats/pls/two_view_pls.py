"""Partial least squares between two views: what the dense and the sparse method share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.core.errors import nearest
from chiasma.stats.pls.block_components import course, find_components
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.component_views import ComponentViews, stack
from chiasma.stats.pls.sgcca import Block, Rules
from chiasma.stats.views import Arrays, ViewsError

if TYPE_CHECKING:
    import pandas as pd

TIE = np.array([[0.0, 1.0], [1.0, 0.0]])
"""The design of two views tied to each other."""


class TwoViewPls(ComponentViews):
    """Base of partial least squares in its two modes; made to be subclassed.

    In `regression` one view predicts the other: it alone places samples, and `predict` gives the response. In
    `canonical` the views are equal.

    Attributes:
        response_: name of the view that is predicted; in canonical mode the second.
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
        return arrays, facts | {"response": self.response_}

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.response_ = meta["response"]
        return self

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
