"""A fuzzy graph laid out in a few dimensions by umap-learn's optimiser; new samples placed among the old.

umap-learn is imported when a layout is asked for: it takes seconds to load and to compile.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.optimize import curve_fit

from chiasma.core.checks import require_module
from chiasma.core.rng import derive_seed, generator
from chiasma.stats.graphs.graph_intersection import connectivity

Start = Literal["spectral", "pca", "random"]
_NEGATIVES = 5
_REPULSION = 1.0
_EXTENT = 10.0
_CLIP = 4.0
_SHARED = 128
"""Old samples that push new ones away, drawn anew each epoch."""
_NEAR = 1e-3


@dataclass(frozen=True)
class LayoutRules:
    """How samples are laid out.

    Attributes:
        n_components: dimensions.
        min_dist: least distance of neighbours in the layout.
        spread: scale of the layout.
        n_epochs: passes over the edges; None takes 500 up to 10,000 samples and 200 beyond.
        start: spectral (where the graph is in one piece, else pca), pca or random.
        seed: of all randomness.
    """

    n_components: int = 2
    min_dist: float = 0.1
    spread: float = 1.0
    n_epochs: int | None = None
    start: Start = "spectral"
    seed: int = 0

    def epochs(self, n_samples: int) -> int:
        """Passes for so many samples."""
        return self.n_epochs or (500 if n_samples <= 10_000 else 200)


def curve(min_dist: float, spread: float) -> tuple[float, float]:
    """a and b of 1 / (1 + a d^(2b)), the smooth curve nearest to 1 up to `min_dist` and an exponential fall beyond."""
    d = np.linspace(0, 3 * spread, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist) / spread))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), d, wanted)
    return float(a), float(b)


def lay_out(graph: sparse.csr_array, points: np.ndarray, rules: LayoutRules) -> np.ndarray:
    """Positions (sample, dimension), float64; the same graph and seed give the same, on one thread.

    Args:
        graph: symmetric (sample, sample).
        points: what the pca start is taken from (sample, feature).
        rules: how.
    """
    umap = _umap()
    a, b = curve(rules.min_dist, rules.spread)
    placed, _ = umap.simplicial_set_embedding(
        data=None,
        graph=sparse.coo_matrix(graph.astype(np.float32)),
        n_components=rules.n_components,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=_REPULSION,
        negative_sample_rate=_NEGATIVES,
        n_epochs=rules.epochs(graph.shape[0]),
        init=_start(graph, points, rules),
        random_state=np.random.RandomState(derive_seed(rules.seed, "layout")),
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
    )
    return np.asarray(placed, dtype=np.float64)


def place_new(links: sparse.csr_array, embedding: np.ndarray, rules: LayoutRules) -> np.ndarray:
    """Positions of new samples (new sample, dimension) among fixed old ones.

    Each begins at the mean of its neighbours, weighted by their strengths, and is moved as umap-learn moves new
    samples, pulled by its neighbours and pushed by old samples drawn at random. The draws are the same for every new
    sample and steps are scaled within it, so that its place does not depend on the others it comes with.

    Args:
        links: strengths (new sample, old sample); every row has some.
        embedding: positions of the old samples (old sample, dimension).
        rules: as of the layout.
    """
    total = np.asarray(links.sum(axis=1)).ravel()
    share = sparse.csr_array(sparse.diags_array(1 / total) @ links)
    place = share @ embedding
    a, b = curve(rules.min_dist, rules.spread)
    epochs = max(rules.epochs(0) // 3, 1) if rules.n_epochs else 100
    head = np.repeat(np.arange(links.shape[0]), np.diff(share.indptr))
    random = generator(rules.seed, "new samples")
    for epoch in range(epochs):
        others = embedding[random.integers(0, len(embedding), _SHARED)]
        pull = _pull(place[head] - embedding[share.indices], a, b) * share.data[:, None]
        step: np.ndarray = np.column_stack([np.bincount(head, column, minlength=len(place)) for column in pull.T])
        for row in range(_SHARED):  # one old sample at a time: sums in the same order for every number of new ones
            step = step + _push(place - others[row], a, b) * (_NEGATIVES / _SHARED)
        place = place + 0.25 * (1 - epoch / epochs) * step
    return place


def _pull(difference: np.ndarray, a: float, b: float) -> np.ndarray:
    square = (difference**2).sum(axis=1, keepdims=True)
    safe = np.where(square > 0, square, 1.0)
    force = -2 * a * b * safe ** (b - 1) / (a * safe**b + 1)
    return np.clip(np.where(square > 0, force, 0.0) * difference, -_CLIP, _CLIP)


def _push(difference: np.ndarray, a: float, b: float) -> np.ndarray:
    square = (difference**2).sum(axis=1, keepdims=True)
    force = 2 * _REPULSION * b / ((_NEAR + square) * (a * square**b + 1))
    return np.clip(force * difference, -_CLIP, _CLIP)


def _start(graph: sparse.csr_array, points: np.ndarray, rules: LayoutRules) -> np.ndarray:
    n, wanted = graph.shape[0], rules.n_components
    random = generator(rules.seed, "start")
    if rules.start == "random":
        return random.uniform(-_EXTENT, _EXTENT, (n, wanted)).astype(np.float32)
    if rules.start == "spectral" and n > wanted + 2 and connectivity(graph)["components"] == 1:
        made = _spectral(graph, wanted)
    else:
        centred = points - points.mean(axis=0)
        left, scale, _ = np.linalg.svd(centred, full_matrices=False)
        made = np.zeros((n, wanted))
        made[:, : min(wanted, len(scale))] = (left * scale)[:, :wanted]
        made *= np.where(made[np.abs(made).argmax(axis=0), np.arange(wanted)] < 0, -1.0, 1.0)
    largest = np.abs(made).max()
    made = made * (_EXTENT / largest if largest > 0 else 1.0)
    return (made + 1e-4 * random.standard_normal(made.shape)).astype(np.float32)


def _spectral(graph: sparse.csr_array, wanted: int) -> np.ndarray:
    """Eigenvectors of the normalised Laplacian after the first, each with its largest entry positive."""
    from scipy.sparse.linalg import eigsh

    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = sparse.diags_array(1 / np.sqrt(degree))
    affinity = sparse.csr_array(scale @ graph @ scale)
    n = graph.shape[0]
    if n <= 500:
        values, vectors = np.linalg.eigh(affinity.toarray())
    else:
        values, vectors = eigsh(affinity, k=wanted + 1, which="LA", v0=np.ones(n), tol=1e-4, maxiter=5 * n)
    order = np.argsort(-values)[1 : wanted + 1]
    found = vectors[:, order]
    return found * np.where(found[np.abs(found).argmax(axis=0), np.arange(wanted)] < 0, -1.0, 1.0)


def _umap() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its parametric form, which wants tensorflow, and of numba's caches
        return require_module("umap.umap_", extra="omics")
