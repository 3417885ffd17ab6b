"""Regularised generalised canonical correlation analysis, one component at a time, in the space of the samples.

Tenenhaus & Tenenhaus 2011 (doi 10.1007/s11336-011-9206-8). Each block has a weight vector of unit length in the metric
tau I + (1 - tau) S, S its covariance: tau 1 maximises covariances, tau 0 correlations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd

from chiasma.stats.pls.sgcca import Block, Component, Rules, criterion_of, pull

_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class _Metric:
    """A block by its singular vectors: samples (sample, direction), features (feature, direction), and the gain
    (direction,) from the pull on a direction to the weight along it.
    """

    samples: np.ndarray
    features: np.ndarray
    sizes: np.ndarray
    gain: np.ndarray

    def answer(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (feature,) of unit length in the metric whose variate (sample,) goes most with `wanted` (sample,)."""
        pulled = self.sizes * (self.samples.T @ wanted)
        weights = self.gain * pulled
        length = np.sqrt(pulled @ weights)
        if length > 0:
            weights = weights / length
        return self.features @ weights, self.samples @ (self.sizes * weights)


def find_rgcca_component(blocks: Sequence[Block], taus: Sequence[float], rules: Rules) -> Component:
    """Alternate over the blocks until the variates stand still; each starts from its widest direction.

    Of the last block's weights the largest is positive at the start, and the other variates rise with its.

    Args:
        blocks: residuals; a hole counts as the mean.
        taus: of each block, 0 to 1.
        rules: design, scheme and when to stop; the change is that of the variates in units of their length.
    """
    metrics = [_metric(block.values, tau) for block, tau in zip(blocks, taus)]
    found = [
        metric.answer(metric.samples[:, 0] if metric.sizes.size else np.zeros(len(blocks[0].values)))
        for metric in metrics
    ]
    loadings = [weights for weights, _ in found]
    variates = np.stack([scores for _, scores in found])  # (block, sample)
    top = np.argmax(np.abs(loadings[-1]))
    for index in reversed(range(len(blocks))):
        turned = loadings[-1][top] < 0 if index == len(blocks) - 1 else variates[index] @ variates[-1] < 0
        if turned:
            loadings[index], variates[index] = -loadings[index], -variates[index]
    criterion: list[float] = []
    converged = False
    while not converged and len(criterion) < rules.max_iterations:
        change = 0.0
        for index, metric in enumerate(metrics):
            before = variates[index].copy()
            loadings[index], variates[index] = metric.answer(pull(variates, index, rules) @ variates)
            length = float(variates[index] @ variates[index])
            if length > 0:
                change = max(change, float(((variates[index] - before) ** 2).sum()) / length)
        criterion.append(criterion_of(variates, rules))
        converged = change < rules.tolerance
    return Component(tuple(loadings), tuple(variates), len(criterion), converged, tuple(criterion))


def _metric(values: np.ndarray, tau: float) -> _Metric:
    left, sizes, right = svd(values, full_matrices=False, check_finite=False)
    kept = sizes > _RANK * max(sizes.max(initial=0.0), 1e-300)
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    variance = sizes**2 / max(len(values) - 1, 1)
    return _Metric(left, right.T, sizes, 1.0 / (tau + (1 - tau) * variance))
