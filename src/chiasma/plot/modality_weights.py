"""How much each modality says in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import PALETTE, SMALL, drawing, seal, shorten, thin

if TYPE_CHECKING:
    import pandas as pd

_MOST = 400
"""Cells drawn; more are thinned evenly."""


def plot_modality_weights(weights: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Weights of the modalities, stacked, cells in the order of the first modality's weight.

    Args:
        weights: (cell, view); rows sum to 1.

    Returns:
        The figure, and its table: the weights in the order drawn.
    """
    ordered = weights.sort_values(list(weights.columns), kind="stable", ascending=False).reset_index(drop=True)
    shown = ordered.iloc[thin(len(ordered), _MOST)]
    with drawing(SMALL, 2.9) as (canvas, axes):
        place = np.arange(len(shown)) / max(len(shown) - 1, 1)
        colors = [PALETTE[number % len(PALETTE)] for number in range(shown.shape[1])]
        names = [shorten(name, 18) for name in shown.columns]
        axes.stackplot(place, shown.to_numpy().T, colors=colors, labels=names)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("cells, sorted (share)")
        axes.set_ylabel("weight")
        axes.legend(loc="lower left", fontsize=8)
        figure = seal(
            canvas,
            name="modality_weights",
            title="Weight of each modality in each cell",
            table={str(name): shown[name].tolist() for name in shown.columns},
            caption="A cell's weights add to 1; a modality that did not measure a cell has weight 0 there.",
        )
    return figure, ordered
