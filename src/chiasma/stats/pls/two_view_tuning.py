"""How many features of two views to keep, by the correlation of their variates on samples that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np

from chiasma.stats.pls.block_components import left_over
from chiasma.stats.pls.block_plsda import correlation
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.sgcca import Block, Component, Rules, find_component, start

Pair = tuple[int, int]


class _Fold:
    """A train part and held-out samples, both less the components that are settled."""

    def __init__(self, views: Sequence[np.ndarray], held: np.ndarray, *, scale: bool, mode: str) -> None:
        self.held, self.mode = held, mode
        scaling = [learn_scaling(view[~held], scale=scale) for view in views]
        self.whole = [Block(*own.apply(view[~held])) for own, view in zip(scaling, views)]
        self.train = list(self.whole)
        self.test = [own.apply(view[held])[0] for own, view in zip(scaling, views)]
        self.begin = start(self.train, "svd")

    def component(self, pair: Pair, rules: Rules) -> Component:
        return find_component(self.train, self.begin, list(pair), rules)

    def scores(self, component: Component) -> tuple[np.ndarray, np.ndarray]:
        """Variates of the held-out samples in both views (sample,)."""
        one, two = (values @ loading for values, loading in zip(self.test, component.loadings))
        return one, two

    def settle(self, component: Component) -> None:
        """Take a component out of both parts, by what the train part says of it."""
        own = list(self.scores(component))
        by = [0, 1] if self.mode == "canonical" else [0, 0]
        for view, other in enumerate(by):
            score = component.variates[other]
            slope = self.train[view].values.T @ score / max(float(score @ score), np.finfo(float).tiny)
            self.test[view] = self.test[view] - np.outer(own[other], slope)
        mode: Literal["canonical", "regression"] = "canonical" if self.mode == "canonical" else "regression"
        self.train = left_over(self.whole, self.train, component, mode)
        self.begin = start(self.train, "svd")


def tune_two_views(
    views: tuple[np.ndarray, np.ndarray],
    grids: tuple[tuple[int, ...], tuple[int, ...]],
    n_components: int,
    rules: Rules,
    *,
    fold: np.ndarray,
    mode: str,
    scale: bool,
) -> tuple[list[Pair], list[dict[Pair, float]]]:
    """Features kept of both views at each component, earlier choices held, and what each choice was worth.

    Args:
        views: predictor and response (sample, feature), NaN where missing.
        grids: candidates of each.
        n_components: components.
        rules: of the alternation.
        fold: of each sample (sample,); scaling and components are learnt anew without each.
        mode: regression or canonical.
        scale: whether features are divided by their standard deviation.

    Returns:
        The pairs whose variates correlate most over all held-out samples, of equals the fewest features; and the
        correlation of every pair tried, component by component.
    """
    parts = [_Fold(views, fold == number, scale=scale, mode=mode) for number in np.unique(fold)]
    options = [sorted({min(number, view.shape[1]) for number in grid}) for grid, view in zip(grids, views)]
    chosen: list[Pair] = []
    tables: list[dict[Pair, float]] = []
    for _ in range(n_components):
        worth: dict[Pair, float] = {}
        for pair in product(*options):
            scores = np.zeros((2, len(fold)))
            for part in parts:
                scores[:, part.held] = part.scores(part.component((pair[0], pair[1]), rules))
            worth[pair[0], pair[1]] = correlation(scores[0], scores[1])
        best = min(worth, key=lambda pair: (-worth[pair], sum(pair), pair))
        chosen.append(best)
        tables.append(worth)
        for part in parts:
            part.settle(part.component(best, rules))
    return chosen, tables
