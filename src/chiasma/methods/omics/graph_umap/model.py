"""Graph intersection of several views as an estimator that can place new samples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from chiasma.core.errors import UsageError, list_some
from chiasma.methods.omics.graph_umap.config import Config
from chiasma.stats.embedding_input import EmbeddingInput
from chiasma.stats.graphs.fuzzy_graph import graph_arrays, graph_from
from chiasma.stats.graphs.graph_intersection import connectivity
from chiasma.stats.graphs.graph_layout import LayoutRules, lay_out, place_new
from chiasma.stats.graphs.view_graphs import CombineRules, ViewPoints, combine_graphs, link_new, view_graph
from chiasma.stats.views import ViewsError, to_arrays
from chiasma.stats.views_representation import NamedViews

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

_LEAST = 3


class GraphUmap(NamedViews, TransformerMixin, BaseEstimator):
    """One layout of the samples of several views, by the intersection of the views' fuzzy graphs.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. A sample may lack
    views, in the fit and later: an edge is judged by the views that both its ends have. A missing value is the mean.
    Further fitted attributes are those of `NamedViews`.

    Attributes:
        graphs_: fuzzy graph of each view (sample, sample).
        graph_: the graph that is laid out (sample, sample).
        embedding_: layout of the samples of the fit (sample, dimension).
    """

    def __init__(
        self,
        *,
        combine: str = "intersection",
        floor: str = "auto",
        reset_local_metric: bool = True,
        faithful: bool = False,
        n_components: int = 2,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        spread: float = 1.0,
        metric: str = "euclidean",
        normalise: str = "none",
        per_view: Any = None,
        scale: bool = True,
        pca: int | None = 50,
        init: str = "spectral",
        n_epochs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.combine = combine
        self.floor = floor
        self.reset_local_metric = reset_local_metric
        self.faithful = faithful
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.spread = spread
        self.metric = metric
        self.normalise = normalise
        self.per_view = per_view
        self.scale = scale
        self.pca = pca
        self.init = init
        self.n_epochs = n_epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Lay out the samples of views X; y is not looked at.

        Args:
            X: mapping of DataFrames, arrays or Matrix (sample, feature), or a Views; a row of NaN where a sample lacks
                the view.
            y: there for scikit-learn.

        Raises:
            UsageError: a parameter is wrong, or umap-learn is absent. ViewsError: the views are.
        """
        config = self._config()
        data = to_arrays(X)
        _check(config, list(data.values))
        present = _present(data.values)
        if config.combine == "fusion" and not all(have.all() for have in present.values()):
            raise ViewsError("network fusion needs every view of every sample", do="choose combine=intersection")
        self._name(data)
        self.inputs_: dict[str, EmbeddingInput] = {}
        self.points_: dict[str, ViewPoints] = {}
        self.graphs_: dict[str, sparse.csr_array] = {}
        for name, values in data.values.items():
            rows = np.flatnonzero(present[name])
            if len(rows) < _LEAST:
                raise ViewsError("too few samples", where=f"view {name}", got=len(rows), expected=f"{_LEAST} or more")
            own = EmbeddingInput.learn(
                values[rows],
                normalise=config.normalise_of(name),
                scale=config.scale,
                components=config.pca,
                cosine=config.metric == "cosine",
            )
            self.inputs_[name] = own
            self.points_[name], self.graphs_[name] = view_graph(
                own.points(values[rows]),
                rows,
                n_neighbors=config.n_neighbors,
                n_samples=data.n_samples,
                seed=config.random_state,
            )
        self.graph_ = combine_graphs(list(self.graphs_.values()), list(self.points_.values()), self._combine(config))
        self.embedding_ = lay_out(self.graph_, self._beside(data.n_samples), self._layout(config))
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Lay out X and return the places (sample, dimension)."""
        return self.fit(X).embedding_.copy()

    def transform(self, X: Any) -> np.ndarray:
        """Places of samples (sample, dimension): of the fit where they were, new ones among their neighbours there.

        Views may be absent; a sample needs one of them. For a difference it needs the first.
        """
        check_is_fitted(self)
        config = self._config()
        data = to_arrays(X)
        values = self._aligned(data)
        present = _present(values)
        new = {
            index: (self.inputs_[name].points(values[name][present[name]]), np.flatnonzero(present[name]))
            for index, name in enumerate(self.views_)
            if name in values and present[name].any()
        }
        links, same = link_new(
            new,
            list(self.points_.values()),
            list(self.graphs_.values()),
            self._combine(config),
            n_new=data.n_samples,
        )
        placed = self.embedding_[np.maximum(same, 0)]
        strange = np.flatnonzero(same < 0)
        if len(strange):
            unlinked = strange[np.diff(links.indptr)[strange] == 0]
            if len(unlinked):
                raise ViewsError(
                    f"{len(unlinked)} samples have no neighbour in the views that they have",
                    got=f"rows {list_some(unlinked)}",
                    expected=list_some(self.views_),
                )
            placed[strange] = place_new(links[strange], self.embedding_, self._layout(config))
        return placed

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """umap1, umap2, ...; `input_features` is there for scikit-learn and not used."""
        check_is_fitted(self)
        return np.asarray([f"umap{number + 1}" for number in range(self.embedding_.shape[1])], dtype=object)

    def agreement(self) -> pd.DataFrame:
        """Share of a sample's neighbours that two graphs have in common: rows of first, second, shared_neighbours.

        The neighbours are those linked in a graph; `together` is the graph that is laid out.
        """
        import pandas as pd

        check_is_fitted(self)
        graphs = {**self.graphs_, "together": self.graph_}
        rows = []
        for first, second in combinations(graphs, 2):
            one, two = graphs[first].astype(bool), graphs[second].astype(bool)
            both = np.asarray(one.multiply(two).sum(axis=1)).ravel()
            either = np.diff(one.indptr) + np.diff(two.indptr) - both
            have = (np.diff(one.indptr) > 0) & (np.diff(two.indptr) > 0)
            value = float((both[have] / either[have]).mean()) if have.any() else float("nan")
            rows.append({"first": first, "second": second, "shared_neighbours": value, "samples": int(have.sum())})
        return pd.DataFrame(rows)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """The layout, and how far the views' neighbours agree, each with its table."""
        import pandas as pd

        from chiasma.plot.embedding import grouped_bars, layout_scatter

        facts = connectivity(self.graph_)
        caption = (
            f"Samples of the fit by the {self.combine} of {len(self.views_)} graphs ({', '.join(self.views_)}), which "
            f"has {facts['components']} pieces; the largest holds {facts['largest_share']:.0%} of the samples."
        )
        names = [str(name) for name in self.get_feature_names_out()]
        layout = layout_scatter(self.embedding_, names, name="layout", title="All views in one layout", caption=caption)
        found = [layout]
        rows = [
            {"graphs": f"{row['first']}, {row['second']}", **row} for row in self.agreement().to_dict(orient="records")
        ]
        if rows:
            caption = "Jaccard share of neighbours in common. Low between views: each sees what the other does not."
            found.append(
                grouped_bars(
                    [{**row, "pair": "graphs"} for row in rows],
                    group="graphs",
                    bar="pair",
                    value="shared_neighbours",
                    name="agreement",
                    title="Neighbours that two graphs share",
                    caption=caption,
                )
            )
        return {figure.name: (figure, pd.DataFrame(figure.table)) for figure in found}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self)
        arrays = {"embedding": self.embedding_}
        arrays |= {f"together/{part}": values for part, values in graph_arrays(self.graph_).items()}
        for name in self.views_:
            arrays |= {f"input/{name}/{part}": values for part, values in self.inputs_[name].arrays().items()}
            arrays |= {f"graph/{name}/{part}": values for part, values in graph_arrays(self.graphs_[name]).items()}
            arrays |= {f"rows/{name}": self.points_[name].rows, f"points/{name}": self.points_[name].points}
        facts = {
            "n_neighbors": {name: view.n_neighbors for name, view in self.points_.items()},
            "near": {name: view.near for name, view in self.points_.items()},
            "normalise": {name: own.normalise for name, own in self.inputs_.items()},
        }
        return {name: np.ascontiguousarray(values) for name, values in arrays.items()}, self._name_facts() | facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self._restore_names(meta)
        self.embedding_ = arrays["embedding"]
        self.graph_ = graph_from(_under(arrays, "together/"), len(self.embedding_))
        cosine = config.metric == "cosine"
        self.inputs_ = {
            name: EmbeddingInput.from_arrays(
                _under(arrays, f"input/{name}/"), normalise=meta["normalise"][name], cosine=cosine
            )
            for name in self.views_
        }
        self.graphs_ = {
            name: graph_from(_under(arrays, f"graph/{name}/"), len(self.embedding_)) for name in self.views_
        }
        self.points_ = {
            name: ViewPoints(
                arrays[f"rows/{name}"],
                arrays[f"points/{name}"],
                int(meta["n_neighbors"][name]),
                float(meta["near"][name]),
            )
            for name in self.views_
        }
        return self

    def _config(self) -> Config:
        given = {name: value for name, value in self.get_params(deep=False).items() if name != "per_view" or value}
        return Config.parse(given, source="GraphUmap")

    def _beside(self, n_samples: int) -> np.ndarray:
        """Points of all views side by side (sample, dimension), each view of spread 1; 0 where a sample lacks it."""
        blocks = []
        for view in self.points_.values():
            spread = view.points.std() or 1.0
            block = np.zeros((n_samples, view.points.shape[1]))
            block[view.rows] = view.points / spread
            blocks.append(block)
        return np.hstack(blocks)

    def _combine(self, config: Config) -> CombineRules:
        weights = tuple(config.weight_of(name) for name in self.views_)
        return CombineRules(config.combine, weights, config.floor, config.reset_local_metric, config.faithful)

    @staticmethod
    def _layout(config: Config) -> LayoutRules:
        return LayoutRules(
            config.n_components, config.min_dist, config.spread, config.n_epochs, config.init, config.random_state
        )


def build(config: Config) -> GraphUmap:
    """The estimator of a configuration."""
    return GraphUmap(**{name: getattr(config, name) for name in type(config).model_fields})


def _check(config: Config, views: list[str]) -> None:
    if strangers := set(config.per_view) - set(views):
        raise UsageError(
            "per_view names a view that is not there", got=list_some(sorted(strangers)), expected=list_some(views)
        )
    if not any(config.weight_of(name) for name in views):
        raise UsageError("every view has weight 0", expected="a weight above 0", do="--set per_view.NAME.weight=1")
    wanted = {"difference": len(views) == 2, "fusion": len(views) > 1}
    if not wanted.get(config.combine, True):
        expected = "two views" if config.combine == "difference" else "two views or more"
        raise UsageError(f"{config.combine} of another number of views", got=len(views), expected=expected)


def _present(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Whether a sample has a view (sample,).

    Raises:
        ViewsError: a sample has none.
    """
    present = {name: (~np.isnan(block)).any(axis=1) for name, block in values.items()}
    empty = np.flatnonzero(~np.any(list(present.values()), axis=0))
    if len(empty):
        raise ViewsError(f"{len(empty)} samples have no value in any view", got=f"rows {list_some(empty)}")
    return present


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
