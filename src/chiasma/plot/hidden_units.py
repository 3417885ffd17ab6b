"""Correlations of hidden units with summary statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import WIDE, drawing, seal, shorten


def unit_correlations(
    correlation: np.ndarray, weight: np.ndarray, statistics: Sequence[str], table: Mapping[str, Any], *, n: int
) -> Figure:
    """Draw units across, statistics down, with the weight of each unit in the answer above.

    Args:
        correlation: (unit, statistic), units in the order drawn; NaN stays blank.
        weight: with which each unit enters the answer (unit,).
        statistics: names (statistic,).
        table: the tidy table.
        n: examples.
    """
    with drawing(WIDE, 1.9 + 0.2 * len(statistics), rows=2) as (canvas, panels):
        top, axes = panels
        grid = top.get_gridspec()
        grid.set_height_ratios([1, max(2.0, 0.3 * len(statistics))])
        top.bar(range(len(weight)), weight, width=1.0, color=["#d55e00" if one > 0 else "#0072b2" for one in weight])
        top.set(ylabel="weight", xlim=(-0.5, len(weight) - 0.5), xticks=[])
        top.grid(visible=False)
        image = axes.imshow(correlation.T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_yticks(range(len(statistics)), [shorten(name) for name in statistics], fontsize=8)
        axes.set(xlabel="hidden units, like ones side by side", xticks=[])
        axes.grid(visible=False)
        canvas.colorbar(image, ax=axes, label="rank correlation", shrink=0.8)
        return seal(
            canvas,
            name="hidden_units",
            title="Hidden units and summary statistics",
            table=table,
            caption=f"Rank correlations over {n:,} regions. Above: the weight with which a unit enters the answer, "
            "orange towards the last class. Blank: a unit that gave all regions the same number.",
        )
