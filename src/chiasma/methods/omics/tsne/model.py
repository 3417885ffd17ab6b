"""t-SNE of one matrix as an estimator that knows the samples of its fit and says so of others."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.core.rng import derive_seed
from chiasma.methods.omics.tsne.config import Config
from chiasma.stats.embedding_input import EmbeddingInput
from chiasma.stats.matrix_representation import MatrixRepresentation

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Tsne(MatrixRepresentation):
    """Samples laid out so that each keeps its nearest neighbours; there is no place for new ones.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. The layout is
    scikit-learn's, on one thread: the same data and seed give the same. A missing value is the mean.

    Attributes:
        embedding_: layout of the samples of the fit (sample, dimension).
        kl_divergence_: what is lost, the Kullback-Leibler divergence of the neighbourhoods.
        perplexity_: the perplexity used: that asked for, or a third of the other samples where that is less.
        n_iter_: steps made.
        rows_: a digest of each sample of the fit, by which it is known again (sample,).
    """

    config_class = Config
    accepts_missing = True
    factor_stem = "tsne"

    def __init__(
        self,
        *,
        n_components: int = 2,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: Any = "auto",
        max_iter: int = 1000,
        metric: str = "euclidean",
        normalise: str = "none",
        scale: bool = True,
        pca: int | None = 50,
        init: str = "pca",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.metric = metric
        self.normalise = normalise
        self.scale = scale
        self.pca = pca
        self.init = init
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Lay out X (sample, feature), a DataFrame, array or Matrix with NaN where missing; y is not looked at.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, or there are fewer than 4 samples.
        """
        config = self._config()
        values = self._learn(X)
        if len(values) < 4:
            raise ValueError(f"{len(values)} samples are too few: t-SNE needs 4 or more")
        points = EmbeddingInput.learn(
            values,
            normalise=config.normalise,
            scale=config.scale,
            components=config.pca,
            cosine=config.metric == "cosine",
        ).points(values)
        self.perplexity_ = min(config.perplexity, (len(values) - 1) / 3)
        self.embedding_, self.kl_divergence_, self.n_iter_ = _lay_out(points, config, self.perplexity_)
        self.rows_ = _digests(values)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Lay out X and return the places (sample, dimension)."""
        return self.fit(X).embedding_.copy()

    def transform(self, X: Any) -> np.ndarray:
        """Places of samples of the fit (sample, dimension), in any order.

        Raises:
            ValueError: a sample was not in the fit; t-SNE has no place for new ones.
        """
        asked = _digests(self._new(X))
        order = np.argsort(self.rows_, kind="stable")
        place = np.minimum(np.searchsorted(self.rows_[order], asked), len(order) - 1)
        found = order[place]
        strangers = np.flatnonzero(self.rows_[found] != asked)
        if len(strangers):
            raise ValueError(
                f"{len(strangers)} samples were not in the fit (first: row {strangers[0]}): t-SNE is transductive and "
                "has no place for new samples; fit it again with them, or use umap"
            )
        return self.embedding_[found]

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """The layout, with its table."""
        import pandas as pd

        from chiasma.plot.embedding import layout_scatter

        caption = (
            f"All samples, perplexity {self.perplexity_:g}, Kullback-Leibler divergence {self.kl_divergence_:.3f}. "
            "Distances between far groups and the size of groups say little."
        )
        names = [str(name) for name in self.get_feature_names_out()]
        figure = layout_scatter(self.embedding_, names, name="layout", title="t-SNE of the samples", caption=caption)
        return {"layout": (figure, pd.DataFrame(figure.table))}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        facts = self._facts() | {
            "kl_divergence": self.kl_divergence_,
            "perplexity": self.perplexity_,
            "n_iter": self.n_iter_,
        }
        return {"embedding": self.embedding_, "rows": self.rows_}, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.embedding_, self.rows_ = arrays["embedding"], arrays["rows"]
        self.kl_divergence_, self.perplexity_ = float(meta["kl_divergence"]), float(meta["perplexity"])
        self.n_iter_ = int(meta["n_iter"])
        return self

    @property
    def _n_features_out(self) -> int:
        return self.embedding_.shape[1]


def build(config: Config) -> Tsne:
    """The estimator of a configuration."""
    return Tsne(**{name: getattr(config, name) for name in type(config).model_fields})


def _lay_out(points: np.ndarray, config: Config, perplexity: float) -> tuple[np.ndarray, float, int]:
    """Places (sample, dimension), divergence and steps."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start: Any = "random"
    if config.init == "pca" and min(points.shape) >= config.n_components:
        start = "pca"
    made = TSNE(
        n_components=config.n_components,
        perplexity=perplexity,
        early_exaggeration=config.early_exaggeration,
        learning_rate=config.learning_rate,
        max_iter=config.max_iter,
        init=start,
        random_state=derive_seed(config.random_state, "t-sne"),
        method="barnes_hut" if config.n_components < 4 else "exact",
        n_jobs=1,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a start without spread divides by 0
        placed = made.fit_transform(points)
    return np.asarray(placed, dtype=np.float64), float(made.kl_divergence_), int(made.n_iter_)


def _digests(values: np.ndarray) -> np.ndarray:
    """Eight bytes of a digest of each row, uint64 (sample,)."""
    rows = np.ascontiguousarray(values) + 0.0  # -0.0 is 0.0
    rows[np.isnan(rows)] = np.nan
    found = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(found), dtype=np.uint64).copy()
