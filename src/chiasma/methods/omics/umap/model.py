"""UMAP of one matrix as a scikit-learn estimator that can place new samples and goes to named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.methods.omics.umap.config import Config
from chiasma.stats.embedding_input import EmbeddingInput
from chiasma.stats.graphs.fuzzy_graph import fuzzy_union, graph_arrays, graph_from, memberships, with_itself
from chiasma.stats.graphs.graph_intersection import connectivity
from chiasma.stats.graphs.graph_layout import LayoutRules, lay_out, place_new
from chiasma.stats.graphs.knn import nearest
from chiasma.stats.matrix_representation import MatrixRepresentation

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

_SAME = 1e-9
"""Distance, as a share of the mean distance to a neighbour, at which a new sample is one of the fit."""


class Umap(MatrixRepresentation):
    """Samples laid out so that neighbours stay neighbours; new ones take their place among the old.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Neighbours are
    exact and the optimiser runs on one thread: the same data and seed give the same layout. A missing value is the
    train part's mean.

    Attributes:
        embedding_: layout of the samples of the fit (sample, dimension).
        graph_: fuzzy graph of the samples (sample, sample).
        points_: leading components of the samples, among which neighbours are sought (sample, component).
        n_neighbors_: neighbours used: `n_neighbors`, or all samples where there are fewer.
    """

    config_class = Config
    accepts_missing = True
    factor_stem = "umap"

    def __init__(
        self,
        *,
        n_components: int = 2,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        spread: float = 1.0,
        metric: str = "euclidean",
        normalise: str = "none",
        scale: bool = True,
        pca: int | None = 50,
        init: str = "spectral",
        n_epochs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.spread = spread
        self.metric = metric
        self.normalise = normalise
        self.scale = scale
        self.pca = pca
        self.init = init
        self.n_epochs = n_epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Lay out X (sample, feature), a DataFrame, array or Matrix with NaN where missing; y is not looked at.

        Raises:
            UsageError: a parameter is wrong, or umap-learn is absent. ValueError: the data are wrong.
        """
        config = self._config()
        values = self._learn(X)
        self.input_ = EmbeddingInput.learn(
            values,
            normalise=config.normalise,
            scale=config.scale,
            components=config.pca,
            cosine=config.metric == "cosine",
        )
        self.points_ = self.input_.points(values)
        self.n_neighbors_ = min(config.n_neighbors, len(values))
        found = with_itself(self.points_, self.n_neighbors_, seed=config.random_state)
        self.near_ = float(found.distance[:, 1:].mean())
        self.graph_ = fuzzy_union(memberships(found, len(values), own=True))
        self.embedding_ = lay_out(self.graph_, self.points_, self._rules(config))
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Lay out X and return the places (sample, dimension)."""
        return self.fit(X).embedding_.copy()

    def transform(self, X: Any) -> np.ndarray:
        """Places of samples (sample, dimension): of the fit where they were, new ones among their neighbours there."""
        points = self.input_.points(self._new(X))
        found = nearest(points, self.points_, self.n_neighbors_)
        links = memberships(found, len(self.points_), own=False)
        known = found.distance[:, 0] <= _SAME * self.near_
        placed = self.embedding_[found.index[:, 0]]
        if not known.all():
            placed[~known] = place_new(links[~known], self.embedding_, self._rules(self._config()))
        return placed

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """The layout, with its table."""
        import pandas as pd

        from chiasma.plot.embedding import layout_scatter

        facts = connectivity(self.graph_)
        caption = (
            f"Samples of the fit. Distances between far groups and the size of groups say little; the graph of "
            f"{self.n_neighbors_} neighbours has {facts['components']} pieces."
        )
        names = [str(name) for name in self.get_feature_names_out()]
        figure = layout_scatter(self.embedding_, names, name="layout", title="UMAP of the samples", caption=caption)
        return {"layout": (figure, pd.DataFrame(figure.table))}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays = {f"input/{name}": array for name, array in self.input_.arrays().items()}
        arrays |= {f"graph/{name}": array for name, array in graph_arrays(self.graph_).items()}
        arrays |= {"points": self.points_, "embedding": self.embedding_}
        facts = self._facts() | {"n_neighbors": self.n_neighbors_, "near": self.near_}
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        learnt = {name.removeprefix("input/"): array for name, array in arrays.items() if name.startswith("input/")}
        self.input_ = EmbeddingInput.from_arrays(learnt, normalise=config.normalise, cosine=config.metric == "cosine")
        graph = {name.removeprefix("graph/"): array for name, array in arrays.items() if name.startswith("graph/")}
        self.points_, self.embedding_ = arrays["points"], arrays["embedding"]
        self.graph_ = graph_from(graph, len(self.points_))
        self.n_neighbors_, self.near_ = int(meta["n_neighbors"]), float(meta["near"])
        return self

    @property
    def _n_features_out(self) -> int:
        return self.embedding_.shape[1]

    @staticmethod
    def _rules(config: Config) -> LayoutRules:
        return LayoutRules(
            config.n_components,
            config.min_dist,
            config.spread,
            config.n_epochs,
            config.init,
            config.random_state,
        )


def build(config: Config) -> Umap:
    """The estimator of a configuration."""
    return Umap(**{name: getattr(config, name) for name in type(config).model_fields})
