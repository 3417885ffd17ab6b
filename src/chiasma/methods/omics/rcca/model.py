"""Regularised canonical correlation of two views as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.core.rng import generator
from chiasma.methods.omics.rcca.config import Config
from chiasma.stats.folds import stratified_folds
from chiasma.stats.pls.block_components import Course
from chiasma.stats.pls.block_plsda import correlation
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.component_views import ComponentViews
from chiasma.stats.pls.regularised_cca import regularised_cca, shrinkage_intensity
from chiasma.stats.pls.sgcca import Block
from chiasma.stats.views import ViewsError

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Rcca(ComponentViews):
    """Combinations of the features of two views that agree best, under a penalty that lets features outnumber samples.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. A missing value
    is the feature's mean. Further fitted attributes are those of `ComponentViews`.

    Attributes:
        penalties_: of the first and the second view: given, estimated or tuned.
        correlations_: canonical correlations under the penalty, the largest first (component,).
        tuning_: held-out correlation of the first pair by penalties, or None if not tuned.
    """

    config_class = Config
    n_views = 2

    def __init__(
        self,
        *,
        ncomp: int = 2,
        penalty: str = "shrinkage",
        lambda1: float | None = None,
        lambda2: float | None = None,
        tune_grid: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0),
        tune_folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.penalty = penalty
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.tune_grid = tune_grid
        self.tune_folds = tune_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Fit to two views X (mapping of name to (sample, feature)), NaN where missing; y is not looked at.

        Args:
            X: mapping of DataFrames, arrays or Matrix, or a Views.
            y: there for scikit-learn.
            groups: unit of each sample (sample,); tuning never divides one over folds.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are, or a view has too many features to do without
            a penalty.
        """
        config = self._config()
        data = self._learn(X)
        self.placing_ = list(self.views_)
        scaling = {name: learn_scaling(block, scale=False) for name, block in data.values.items()}
        blocks = {name: Block(*scaling[name].apply(block)) for name, block in data.values.items()}
        one, two = (block.values for block in blocks.values())
        self.penalties_, self.tuning_ = _penalties(config, one, two, groups)
        for name, penalty in zip(self.views_, self.penalties_):
            width = int((scaling[name].sd > 0).sum())
            if penalty == 0 and width >= data.n_samples:
                raise ViewsError(
                    "canonical correlation without a penalty needs fewer features than samples",
                    where=f"view {name}",
                    got=f"{width} features of {data.n_samples} samples",
                    do="leave lambda1 and lambda2 out, or give penalties above 0",
                )
        found = regularised_cca(one, two, config.ncomp, penalties=self.penalties_, kind=config.penalty)
        self.correlations_ = found.correlations
        self._keep_course(Course((1,), (True,)))
        learnt = {}
        for name, weights in zip(self.views_, found.weights):
            variates = blocks[name].values @ weights
            learnt[name] = weights, variates, np.diag((variates**2).sum(axis=0))
        self._settle(data.values, blocks, scaling, learnt)
        return self

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        tuning = None if self.tuning_ is None else [[*pair, score] for pair, score in self.tuning_.items()]
        return arrays | {"correlations": self.correlations_}, facts | {
            "penalties": list(self.penalties_),
            "tuning": tuning,
        }

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.correlations_ = arrays["correlations"]
        self.penalties_ = (float(meta["penalties"][0]), float(meta["penalties"][1]))
        tuning = meta["tuning"]
        self.tuning_ = None if tuning is None else {(one, two): score for one, two, score in tuning}
        return self

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos and network, each with its table."""
        from chiasma.plot.component_figures import view_figures

        variates = {name: view.variates for name, view in self.fitted_.items()}
        return view_figures(self.correlations(), self.explained(), variates)


def build(config: Config) -> Rcca:
    """The estimator of a configuration."""
    return Rcca(**{name: getattr(config, name) for name in type(config).model_fields})


def _penalties(
    config: Config, one: np.ndarray, two: np.ndarray, groups: Any
) -> tuple[tuple[float, float], dict[tuple[float, float], float] | None]:
    """Penalties of both views, and what the tuning said where there was one."""
    given = config.lambda1, config.lambda2
    if config.penalty == "shrinkage":
        first, second = (
            shrinkage_intensity(block) if value is None else value for block, value in zip((one, two), given)
        )
        return (first, second), None
    first_choices, second_choices = (
        [float(share * (block**2).sum() / (len(block) - 1) / block.shape[1]) for share in config.tune_grid]
        if value is None
        else [value]
        for block, value in zip((one, two), given)
    )
    pairs = list(product(first_choices, second_choices))
    if len(pairs) == 1:
        return pairs[0], None
    scores = _held_out_correlations(config, one, two, pairs, groups)
    return max(pairs, key=lambda pair: (scores[pair], pair)), scores  # of equals the stronger penalty


def _held_out_correlations(
    config: Config, one: np.ndarray, two: np.ndarray, pairs: list[tuple[float, float]], groups: Any
) -> dict[tuple[float, float], float]:
    """Correlation of the first variates of samples that were held out, all folds together, for each pair of ridges."""
    nobody = np.zeros(len(one), dtype=np.int64)
    groups = None if groups is None or len(np.unique(groups)) < 2 else groups
    fold = stratified_folds(nobody, config.tune_folds, random=generator(config.random_state, "tune"), unit=groups)
    variates = {pair: np.zeros((2, len(one))) for pair in pairs}
    for number in np.unique(fold):
        inside = fold != number
        means = one[inside].mean(axis=0), two[inside].mean(axis=0)
        for pair in pairs:
            train = (one[inside] - means[0], two[inside] - means[1])
            weights = regularised_cca(*train, 1, penalties=pair, kind="ridge").weights
            variates[pair][0, ~inside] = ((one[~inside] - means[0]) @ weights[0])[:, 0]
            variates[pair][1, ~inside] = ((two[~inside] - means[1]) @ weights[1])[:, 0]
    return {pair: correlation(*scores) for pair, scores in variates.items()}
