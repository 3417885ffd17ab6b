"""Similarity network fusion: one network of samples from several, each view's diffused through the others'.

Wang et al. 2014 (doi:10.1038/nmeth.2810), equations 1 to 7. Dense in samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from chiasma.core.errors import UsageError

MOST_SAMPLES = 6000
"""Beyond this a dense network of float64 takes more than 300 MB a view."""


def affinity(x: np.ndarray, *, n_neighbors: int, width: float = 0.5) -> np.ndarray:
    """Scaled exponential similarity (sample, sample): exp(-d^2 / (2 (width * scale)^2)), the scale local.

    Eq. 1 divides by width * scale, which depends on the unit of the data; this is the form of the authors' SNFtool.

    Args:
        x: (sample, feature).
        n_neighbors: neighbours whose mean distance makes the scale, the sample itself not among them.
        width: the paper's mu, 0.3 to 0.8.

    Raises:
        UsageError: too many samples for a dense network.
    """
    if len(x) > MOST_SAMPLES:
        raise UsageError(
            "too many samples for network fusion, which is dense",
            got=f"{len(x):,} samples",
            expected=f"at most {MOST_SAMPLES:,}",
            do="choose combine=intersection",
        )
    square = (x**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * (x @ x.T), 0.0))
    np.fill_diagonal(distance, 0.0)
    n = min(n_neighbors, len(x) - 1)
    near = np.partition(distance, n, axis=1)[:, 1 : n + 1].mean(axis=1)
    scale = (near[:, None] + near + distance) / 3
    ratio = np.divide(distance, width * scale, out=np.zeros_like(distance), where=scale > 0)
    return np.exp(-(ratio**2) / 2)


def fuse(affinities: Sequence[np.ndarray], *, n_neighbors: int, steps: int = 20) -> np.ndarray:
    """The fused network (sample, sample), symmetric: rows sum to about 1, half of it on the diagonal.

    Args:
        affinities: one network a view, two or more.
        n_neighbors: neighbours that pass similarity on in each step.
        steps: diffusion steps; the paper needs about 20.
    """
    status = [_full(each) for each in affinities]
    kernels = [_local(each, n_neighbors) for each in affinities]
    for _ in range(steps):
        total = np.sum(status, axis=0)
        others = [(total - own) / (len(status) - 1) for own in status]
        status = [_full(_symmetric(kernel @ (kernel @ other).T)) for kernel, other in zip(kernels, others)]
    return _symmetric(np.mean(status, axis=0))


def strongest(network: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """The network's edges to the most similar samples, themselves not counted (sample, sample)."""
    own = network.copy()
    np.fill_diagonal(own, -np.inf)
    n = min(n_neighbors, len(own) - 1)
    near = np.sort(np.argpartition(-own, n - 1, axis=1)[:, :n], axis=1)
    strength = np.take_along_axis(own, near, axis=1)
    begins = np.arange(0, near.size + 1, n)
    return sparse.csr_array((strength.ravel(), near.ravel(), begins), shape=own.shape)


def _full(network: np.ndarray) -> np.ndarray:
    """Eq. 2: half of each row on the diagonal, the rest in proportion; it stays stable over many steps."""
    off = network.copy()
    np.fill_diagonal(off, 0.0)
    total = 2 * off.sum(axis=1, keepdims=True)
    made = np.divide(off, total, out=np.zeros_like(off), where=total > 0)
    np.fill_diagonal(made, 0.5)
    return made


def _local(network: np.ndarray, n_neighbors: int) -> sparse.csr_array:
    """Eq. 3: similarity to the nearest neighbours alone, rows summing to 1."""
    kept = strongest(network, n_neighbors)
    total = np.asarray(kept.sum(axis=1)).ravel()
    share = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.csr_array(sparse.diags_array(share) @ kept)


def _symmetric(network: np.ndarray) -> np.ndarray:
    return (network + network.T) / 2
