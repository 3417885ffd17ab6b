"""Where multi-omics factor analysis begins: principal components of all views side by side, as in the original."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

from chiasma.stats.mofa.nodes import Block


def principal_start(blocks: Sequence[Block], n_factors: int, seed: int) -> np.ndarray:
    """Scores on the leading principal components, each stretched to [-1, 1] (factor, sample).

    A hole is the feature's mean. Large data are decomposed by random projections, hence the seed; the original calls
    the same function, so that the same seed gives its start.
    """
    whole = np.concatenate([_filled(block) for block in blocks], axis=1)
    scores = PCA(n_components=n_factors, random_state=seed).fit_transform(whole).T
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    wide = high - low > 1e-10 * np.abs(scores).max()  # beyond the rank of the data the rest is rounding
    return np.where(wide, 2 * (scores - low) / np.where(wide, high - low, 1.0) - 1, 0.0)


def _filled(block: Block) -> np.ndarray:
    """Values with each hole the feature's mean."""
    if block.observed is None:
        return block.values
    mean = block.values.sum(axis=0) / np.maximum(block.observed.sum(axis=0), 1)
    return np.where(block.observed, block.values, mean)
