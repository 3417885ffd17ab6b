"""A scan for sweeps along a region: the probabilities of each window, stacked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import GRID, PALETTE, WIDE, drawing, seal

_NEUTRAL = "neutral"


def scan_figure(
    chrom: str, starts: np.ndarray, ends: np.ndarray, probabilities: Mapping[str, np.ndarray], *, name: str = "scan"
) -> Figure:
    """Class probabilities of windows along one contig; what is left out stays blank.

    Windows that overlap are drawn as wide as the distance between them, around their middles.

    Args:
        chrom: name of the contig.
        starts, ends: of the windows, 0-based and half-open (window,).
        probabilities: of each class by name (window,); "neutral" is drawn pale.
        name: of the figure.
    """
    colours = iter(PALETTE)
    left, width = starts, ends - starts
    apart = np.diff(starts)
    overlap = len(apart) > 0 and bool((apart < width[:-1]).any())
    if overlap:
        left, width = (starts + ends - np.median(apart)) / 2, np.full(len(starts), np.median(apart))
    with drawing(WIDE, 2.9) as (canvas, axes):
        base = np.zeros(len(starts))
        for label in sorted(probabilities, key=lambda one: one == _NEUTRAL):
            values = np.asarray(probabilities[label], float)
            colour = GRID if label == _NEUTRAL else next(colours)
            shown = label.replace("_", " ")
            axes.bar(left / 1e6, values, width / 1e6, base, align="edge", color=colour, label=shown)
            base += values
        axes.set(xlabel=f"{chrom}, Mb", ylabel="probability", ylim=(0, 1))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        table = {"chrom": [chrom] * len(starts), "start": starts, "end": ends, **probabilities}
        caption = "What was left out is blank. " + (
            f"Windows of {np.median(ends - starts):,.0f} bases overlap: each is drawn around its middle."
            if overlap
            else "Of runs of windows, each bar is the one in the middle."
        )
        return seal(canvas, name=name, title=f"Classes along {chrom}", table=table, caption=caption)
