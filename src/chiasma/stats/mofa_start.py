"""Where multi-omics factor analysis begins: principal components of all views side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh

from chiasma.stats.mofa_nodes import Block

_EXACT = 1500
"""Up to so many samples or features the components come from the whole Gram matrix, beyond from random projections."""
_SPARE, _POWERS = 10, 5


def principal_start(blocks: Sequence[Block], n_factors: int, random: np.random.Generator) -> np.ndarray:
    """Scores on the leading principal components, each brought to [-1, 1] (factor, sample).

    A hole is the feature's mean. The sign of a component is such that its largest coefficient is positive.
    """
    whole = np.concatenate([_filled(block) for block in blocks], axis=1)
    scores, coefficients = leading_components(whole - whole.mean(axis=0), n_factors, random)
    top = coefficients[np.arange(n_factors), np.abs(coefficients).argmax(axis=1)]
    scores = scores.T * np.where(top < 0, -1.0, 1.0)[:, None]
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    return 2 * (scores - low) / np.maximum(high - low, np.finfo(np.float64).tiny) - 1


def leading_components(centred: np.ndarray, number: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Left (sample, component) and right (component, feature) singular vectors, the largest first.

    By randomised subspace iteration (Halko et al. 2011, algorithms 4.4 and 5.1) where both sides are long.
    """
    if min(centred.shape) <= _EXACT:
        return _by_gram(centred, number)
    size = min(number + _SPARE, *centred.shape)
    basis = centred @ random.standard_normal((centred.shape[1], size))
    for _ in range(_POWERS):
        basis = np.linalg.qr(basis)[0]
        basis = centred @ np.linalg.qr(centred.T @ basis)[0]
    basis = np.linalg.qr(basis)[0]
    left, _, right = np.linalg.svd(basis.T @ centred, full_matrices=False)
    return (basis @ left)[:, :number], right[:number]


def _by_gram(centred: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    n, p = centred.shape
    gram = centred @ centred.T if n <= p else centred.T @ centred
    size = len(gram)
    vectors = eigh(gram, subset_by_index=[size - number, size - 1])[1][:, ::-1]
    other = centred.T @ vectors if n <= p else centred @ vectors
    length = np.linalg.norm(other, axis=0)
    other = other / np.where(length > 0, length, 1.0)
    return (vectors, other.T) if n <= p else (other, vectors.T)


def _filled(block: Block) -> np.ndarray:
    """Values with each hole the feature's mean."""
    if block.observed is None:
        return block.values
    mean = block.values.sum(axis=0) / np.maximum(block.observed.sum(axis=0), 1)
    return np.where(block.observed, block.values, mean)
