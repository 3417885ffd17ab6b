"""What a fitted block PLS-DA explains, and how its features go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.stats.pls.block_plsda import BlockPlsda, correlation
from chiasma.stats.pls.block_scaling import Scaling

RESPONSE = "Y"


def explained_variance(model: BlockPlsda, values: Mapping[str, np.ndarray], codes: np.ndarray) -> dict[str, np.ndarray]:
    """Share of each scaled block's variance along each of its variates (component,), and of the class as `Y`."""
    scores = {name: block.variates for name, block in model.blocks.items()} | {RESPONSE: model.y_variates}
    shares = {}
    for name, scaled in _scaled(model, values, codes).items():
        total = float((scaled**2).sum())
        length = (scores[name] ** 2).sum(axis=0)
        along = ((scores[name].T @ scaled) ** 2).sum(axis=1)
        shares[name] = np.divide(along, length * total, out=np.zeros_like(along), where=length * total > 0)
    return shares


def average_variance_explained(
    model: BlockPlsda, values: Mapping[str, np.ndarray], codes: np.ndarray, design: np.ndarray
) -> dict[str, np.ndarray]:
    """AVE of Tenenhaus: of each block, `outer` (blocks weighted by their features) and `inner` (over tied blocks).

    Args:
        model: fitted.
        values: the train part, block name to (sample, feature).
        codes: its classes (sample,).
        design: ties of the data blocks (block, block); the class is tied to each by 1.
    """
    scaled = _scaled(model, values, codes)
    scores = {name: block.variates for name, block in model.blocks.items()} | {RESPONSE: model.y_variates}
    each = {name: (correlations(scaled[name], scores[name]) ** 2).mean(axis=0) for name in scaled}
    sizes = np.array([scaled[name].shape[1] for name in scaled])
    outer = np.average(np.stack(list(each.values())), axis=0, weights=sizes)
    ties = np.pad(design, (0, 1), constant_values=1.0)
    np.fill_diagonal(ties, 0.0)
    inner = []
    for component in range(model.n_components):
        columns = np.stack([scores[name][:, component] for name in scaled])
        between = np.array([[correlation(a, b) for b in columns] for a in columns])
        inner.append(float((ties * between**2).sum() / max(ties.sum(), np.finfo(float).tiny)))
    return {**each, "outer": outer, "inner": np.array(inner)}


def similarity(model: BlockPlsda, values: Mapping[str, np.ndarray]) -> tuple[list[tuple[str, int]], np.ndarray]:
    """How alike the selected features are, within and between blocks: what circos and network plots draw.

    Returns:
        Block and column of every feature with a loading in any component, and the sum over components of the
        products of their correlations with their own block's variates (feature, feature).
    """
    members, rows = [], []
    for name, block in model.blocks.items():
        chosen = np.flatnonzero((block.loadings != 0).any(axis=1))
        scaled, _ = block.scaling.apply(values[name])
        members += [(name, int(column)) for column in chosen]
        rows.append(correlations(scaled[:, chosen], block.variates))
    profile = np.concatenate(rows)
    return members, profile @ profile.T


def ranked_features(
    loadings: Mapping[str, np.ndarray], features: Mapping[str, Sequence[Any] | np.ndarray]
) -> list[dict[str, Any]]:
    """Features with a loading as rows (view, component, rank, feature, loading), the largest first.

    Args:
        loadings: of each view (feature, component).
        features: their names (feature,).
    """
    rows = []
    for name, table in loadings.items():
        for component, loading in enumerate(table.T):
            order = np.argsort(-np.abs(loading), kind="stable")[: np.count_nonzero(loading)]
            rows += [
                {
                    "view": name,
                    "component": component + 1,
                    "rank": rank + 1,
                    "feature": str(features[name][column]),
                    "loading": float(loading[column]),
                }
                for rank, column in enumerate(order)
            ]
    return rows


def correlations(columns: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Pearson correlation of each feature with each variate (feature, component); 0 where one does not vary."""
    a, b = columns - columns.mean(axis=0), scores - scores.mean(axis=0)
    scale = np.sqrt(np.outer((a**2).sum(axis=0), (b**2).sum(axis=0)))
    return np.divide(a.T @ b, scale, out=np.zeros((a.shape[1], b.shape[1])), where=scale > 0)


def _scaled(model: BlockPlsda, values: Mapping[str, np.ndarray], codes: np.ndarray) -> dict[str, np.ndarray]:
    scaled = {name: model.blocks[name].scaling.apply(values[name])[0] for name in model.blocks}
    response: Scaling = model.y_scaling
    return {**scaled, RESPONSE: response.apply(np.eye(model.n_classes)[codes])[0]}
