"""Weighted nearest neighbours over several modalities as an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from chiasma.core.errors import unknown_name
from chiasma.io.containers import Results
from chiasma.methods.omics.wnn.config import Config, by_view
from chiasma.stats.cells.view_space import ViewSpace, learn_view_space
from chiasma.stats.graphs.graph_spectrum import spectral_layout
from chiasma.stats.graphs.wnn import (
    Joint,
    WnnRules,
    graph_of,
    join_new,
    join_training,
    learn_modalities,
    shared_neighbour_graph,
)
from chiasma.stats.views import ViewsError
from chiasma.stats.views_representation import ViewsRepresentation

if TYPE_CHECKING:
    import pandas as pd

_OTHERWISE = 30
"""Components of a view that a mapping of `dims` does not name."""


class Wnn(ViewsRepresentation):
    """Neighbours by all modalities at once, each weighed in each cell by how well it knows the cell's neighbourhood.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. A cell may lack
    views: their weight is 0 there. New cells are joined to the training cells: `join` gives their joint
    neighbours, `transform` the mean place of these in the layout of the graph, weighted by similarity, and, where `fit`
    saw classes, `predict_proba` their vote.

    Attributes:
        spaces_: how each view is reduced.
        points_: training cells in those spaces, NaN where not measured, by view.
        joint_: weights and joint neighbours of the training cells.
        embedding_: spectral layout of the joint graph (cell, coordinate).
        classes_: class labels, sorted, where `fit` saw any.
        codes_: class of each training cell.
    """

    config_class = Config
    factor_stem = "wnn"

    def __init__(
        self,
        *,
        normalise: str = "auto",
        dims: str = "30",
        variable_features: int = 2000,
        neighbours: int = 20,
        reach: int = 200,
        ncomp: int = 10,
        exact_up_to: int = 50_000,
        random_state: int = 0,
    ) -> None:
        self.normalise = normalise
        self.dims = dims
        self.variable_features = variable_features
        self.neighbours = neighbours
        self.reach = reach
        self.ncomp = ncomp
        self.exact_up_to = exact_up_to
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn spaces, weights and the joint graph of views X, and keep classes y (sample,) for the vote.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are.
        """
        config = self._config()
        data = self._learn(X)
        kinds, sizes = by_view(config.normalise, self.views_), by_view(config.dims, self.views_)
        for name in {*kinds, *sizes} - {""}:
            if name not in self.views_:
                raise unknown_name("view", name, self.views_)
        self.spaces_: dict[str, ViewSpace] = {}
        for name, values in data.values.items():
            self.spaces_[name] = learn_view_space(
                values,
                kind=kinds.get(name, "auto"),
                dims=int(sizes.get(name, _OTHERWISE)),
                n_features=config.variable_features,
            )
        self.points_ = {name: self.spaces_[name].apply(values) for name, values in data.values.items()}
        rules = _rules(config)
        self.learnt_ = learn_modalities(self.points_, rules)
        self.joint_: Joint = join_training(self.learnt_, rules)
        self.embedding_ = spectral_layout(self.graph(), config.ncomp)
        for name in ("classes_", "codes_"):
            if hasattr(self, name):
                delattr(self, name)
        if y is not None:
            labels = column_or_1d(y, warn=True)
            check_classification_targets(labels)
            if len(labels) != data.n_samples:
                raise ViewsError("classes and samples differ in number", got=len(labels), expected=data.n_samples)
            self.classes_, self.codes_ = np.unique(labels, return_inverse=True)
        return self

    def join(self, X: Any) -> Joint:
        """Weights and joint neighbours, among the training cells, of new cells (whole views may be absent)."""
        values = self._new(X)
        spaces = {name: self.spaces_[name].apply(block) for name, block in values.items()}
        return join_new(self.learnt_, spaces, _rules(self._config()))

    def transform(self, X: Any) -> np.ndarray:
        """Mean place of the joint neighbours in the layout, weighted by similarity (sample, coordinate)."""
        found = self._voices(self.join(X)) @ self.embedding_
        return np.asarray(found)

    @available_if(lambda self: hasattr(self, "classes_"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Share of each class among the joint neighbours, weighted by similarity (sample, class)."""
        members = np.eye(len(self.classes_))[self.codes_]
        return np.asarray(self._voices(self.join(X)) @ members)

    @available_if(lambda self: hasattr(self, "classes_"))
    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,): the likeliest."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def graph(self) -> sp.csr_matrix:
        """Symmetric union of the joint neighbours of the training cells (cell, cell)."""
        return graph_of(self.joint_, len(self.joint_.weights))

    def shared_graph(self) -> sp.csr_matrix:
        """Jaccard index of joint neighbourhoods, for clustering (cell, cell), pruned at 1/15."""
        return shared_neighbour_graph(self.joint_, len(self.joint_.weights))

    def weights(self) -> pd.DataFrame:
        """Weight of each view in each training cell (cell, view); rows sum to 1."""
        import pandas as pd

        check_is_fitted(self, "joint_")
        return pd.DataFrame(self.joint_.weights, columns=list(self.joint_.views))

    def results(self) -> Results:
        """Layout, graphs and settings of the training cells, for `chiasma.io.containers.add_results`."""
        check_is_fitted(self, "joint_")
        facts = {"params": self.get_params(deep=False), "recall": dict(self.joint_.recall)}
        graphs = {"wnn_connectivities": self.graph(), "wnn_shared": self.shared_graph()}
        return Results(
            obsm={"X_wnn": self.embedding_, "wnn_weights": self.joint_.weights}, obsp=graphs, uns={"wnn": facts}
        )

    def figures(self) -> dict[str, tuple[Any, pd.DataFrame]]:
        """Weights of the views in the training cells, sorted, as a figure and its table."""
        from chiasma.plot.modality_weights import plot_modality_weights

        return {"modality-weights": plot_modality_weights(self.weights())}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self, "joint_")
        arrays = {"embedding": np.ascontiguousarray(self.embedding_)}
        for name, space in self.spaces_.items():
            arrays |= {f"space/{name}/{part}": values for part, values in space.arrays().items()}
            arrays[f"points/{name}"] = np.ascontiguousarray(self.points_[name])
        facts = self._facts() | {"kinds": {name: space.kind for name, space in self.spaces_.items()}}
        if hasattr(self, "classes_"):
            arrays["codes"] = self.codes_
            facts["classes"] = self.classes_.tolist()
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from; its neighbours are found again."""
        self = cls._restored(config, meta)
        self.spaces_ = {}
        for name, kind in meta["kinds"].items():
            prefix = f"space/{name}/"
            parts = {key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)}
            self.spaces_[name] = ViewSpace.from_arrays(kind, parts)
        self.points_ = {name: arrays[f"points/{name}"] for name in meta["kinds"]}
        rules = _rules(config)
        self.learnt_ = learn_modalities(self.points_, rules)
        self.joint_ = join_training(self.learnt_, rules)
        self.embedding_ = arrays["embedding"]
        if "classes" in meta:
            self.classes_, self.codes_ = np.asarray(meta["classes"]), arrays["codes"]
        return self

    @property
    def _n_features_out(self) -> int:
        return self.embedding_.shape[1]

    def _voices(self, joint: Joint) -> sp.csr_matrix:
        """Share of each training cell in each new cell (new cell, training cell); rows sum to 1."""
        weight = np.where(joint.index >= 0, np.maximum(joint.similarity, 1e-12), 0.0)
        row, place = np.nonzero(weight)
        share = weight[row, place] / weight.sum(axis=1)[row]
        return sp.csr_matrix((share, (row, joint.index[row, place])), shape=(len(weight), len(self.embedding_)))


def build(config: Config) -> Wnn:
    """The estimator of a configuration."""
    return Wnn(**{name: getattr(config, name) for name in type(config).model_fields})


def _rules(config: Config) -> WnnRules:
    return WnnRules(config.neighbours, config.reach, config.exact_up_to, config.random_state)
