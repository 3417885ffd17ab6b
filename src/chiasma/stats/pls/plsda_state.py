"""A fitted block PLS-DA as named arrays and back, and its choice of features as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.stats.pls.block_plsda import BlockPlsda, FittedBlock
from chiasma.stats.pls.block_scaling import Scaling
from chiasma.stats.pls.block_summary import ranked_features

_OF_BLOCK = ("loadings", "variates", "cross", "response", "centroids", "within")
_OF_MODEL = ("y_loadings", "y_variates", "weights")


def to_arrays(model: BlockPlsda) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays named block/part and JSON-ready facts."""
    arrays = {name: getattr(model, name) for name in _OF_MODEL}
    arrays |= {"y_mean": model.y_scaling.mean, "y_sd": model.y_scaling.sd}
    for name, block in model.blocks.items():
        arrays |= {f"{name}/mean": block.scaling.mean, f"{name}/sd": block.scaling.sd}
        arrays |= {f"{name}/{part}": getattr(block, part) for part in _OF_BLOCK}
    facts = {
        "blocks": list(model.blocks),
        "n_samples": model.n_samples,
        "iterations": list(model.iterations),
        "converged": list(model.converged),
        "criterion": [list(values) for values in model.criterion],
    }
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts


def from_arrays(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> BlockPlsda:
    """The inverse of `to_arrays`."""
    blocks = {
        name: FittedBlock(
            Scaling(arrays[f"{name}/mean"], arrays[f"{name}/sd"]),
            **{part: arrays[f"{name}/{part}"] for part in _OF_BLOCK},
        )
        for name in facts["blocks"]
    }
    return BlockPlsda(
        blocks,
        Scaling(arrays["y_mean"], arrays["y_sd"]),
        **{name: arrays[name] for name in _OF_MODEL},
        n_samples=int(facts["n_samples"]),
        iterations=tuple(facts["iterations"]),
        converged=tuple(facts["converged"]),
        criterion=tuple(tuple(values) for values in facts["criterion"]),
    )


def class_profiles(model: BlockPlsda, values: Mapping[str, np.ndarray], codes: np.ndarray) -> dict[str, np.ndarray]:
    """Mean of every scaled feature in every class (class, feature), block by block."""
    dummy = np.eye(model.n_classes)[codes]
    share = dummy / np.maximum(dummy.sum(axis=0), 1)
    return {name: share.T @ block.scaling.apply(values[name])[0] for name, block in model.blocks.items()}


def selected_rows(
    model: BlockPlsda,
    features: Mapping[str, Sequence[Any] | np.ndarray],
    profiles: Mapping[str, np.ndarray],
    classes: np.ndarray,
) -> list[dict[str, Any]]:
    """Selected features, largest loading first, each with the class in which it is highest."""
    highest = {
        name: dict(zip(map(str, features[name]), profile.argmax(axis=0).tolist())) for name, profile in profiles.items()
    }
    rows = ranked_features({name: block.loadings for name, block in model.blocks.items()}, features)
    return [row | {"class": str(classes[highest[row["view"]][row["feature"]]])} for row in rows]
