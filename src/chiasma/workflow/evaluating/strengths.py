"""How well selection is detected by its strength: the method beside its rivals, each against all neutral regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.workflow.fitted import Fitted

if TYPE_CHECKING:
    from chiasma.stats.slices import Slice

COLUMN = "strength"
MOST_NEUTRAL = 2_000
"""Scores of neutral regions that a model keeps."""


def has_strengths(data: Dataset) -> bool:
    """Whether the examples are neutral or selected with a known selection coefficient."""
    return data.target.kind == "binary" and COLUMN in data.columns


def evaluate_strengths(
    test: Dataset, scores: Mapping[str, np.ndarray], *, seed: int, draws: int, folder: Path
) -> tuple[list[Slice], list[dict[str, Any]]]:
    """Areas by selection coefficient, of the first of `scores` as slices, of all as rows; a figure of them.

    Args:
        test: the held-out regions.
        scores: (example, 2) by name, the method's first.
        seed: root of the bootstrap draws.
        draws: how many.
        folder: the run folder; figures/area_by_strength is written.

    Returns:
        Slices of the method; and a row a scorer and coefficient: scorer, s, n, auroc.
    """
    from chiasma.plot.strengths import area_by_strength
    from chiasma.plot.style import save_figure
    from chiasma.stats.slices import strength_slices

    told = {name: values for name, values in scores.items() if np.ptp(values[:, -1]) > 0}  # a constant tells nothing
    slices = {name: strength_slices(test, values, seed=seed, draws=draws) for name, values in told.items()}
    rows = [
        {"scorer": name, "s": float(part.name), "n": part.n, "auroc": part.estimates["auroc"].to_dict()}
        for name, parts in slices.items()
        for part in parts
        if "auroc" in part.estimates
    ]
    if rows:
        save_figure(folder / "figures", area_by_strength(rows))
    return next(iter(slices.values()), []), rows


def keep_neutral_scores(fitted: Fitted, held: Dataset, scores: np.ndarray) -> None:
    """Let the model keep its calibrated scores of held-out neutral regions, with which a scan is compared.

    Args:
        fitted: the model; its meta gains `neutral_scores`, sorted.
        held: regions that were not learnt from, nor stopped on.
        scores: of the last class (example,).
    """
    neutral = np.asarray(scores, float)[held.target.values == 0][:MOST_NEUTRAL]
    fitted.meta["neutral_scores"] = np.sort(neutral).tolist()


def neutral_share(fitted: Any, scores: np.ndarray) -> np.ndarray | None:
    """Share of neutral simulations that score as high as each window, counting the window (window,); None if unknown.

    A p-value under the simulated history, so no better than that is. It is never below 1 / (simulations + 1).
    """
    kept = np.asarray(fitted.meta.get("neutral_scores", ()), float)
    if not len(kept):
        return None
    above = len(kept) - np.searchsorted(kept, scores, side="left")
    return (above + 1) / (len(kept) + 1)
