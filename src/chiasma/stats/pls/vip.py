"""Variable importance in the projection: how much a feature matters for the class, over all components."""

from __future__ import annotations

import numpy as np

from chiasma.stats.pls.block_plsda import BlockPlsda
from chiasma.stats.pls.block_summary import correlations


def importance_in_projection(model: BlockPlsda, name: str, codes: np.ndarray) -> np.ndarray:
    """VIP of each feature with the first component, the first two, ... (feature, component); its squares average 1.

    Args:
        model: fitted.
        name: of the block.
        codes: classes of the train part (sample,).

    Source: Wold et al. 2001, section 7: sqrt(p sum_l R_l w_l^2 / sum_l R_l), R_l the squared correlation of variate l
    with the dummy-coded classes, summed over them.
    """
    block = model.blocks[name]
    dummy = np.eye(model.n_classes)[codes]
    redundancy = (correlations(dummy, block.variates) ** 2).sum(axis=0)  # (component,)
    weighed = np.cumsum(redundancy * block.loadings**2, axis=1)
    total = np.cumsum(redundancy)
    share = np.divide(weighed, total, out=np.zeros_like(weighed), where=total > 0)
    return np.sqrt(len(block.loadings) * share)
