"""Painted chromosomes with the intervals called on them, and precision over recall of called columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.data.results import Figure
from chiasma.metrics.localisation import called_intervals
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, WIDE, drawing, seal

_PIXELS = 400
"""Rows of a picture at most."""


def painted_chromosome(
    painted: np.ndarray,
    scores: np.ndarray,
    *,
    length: float,
    threshold: float,
    site: float = float("nan"),
    start: float = 0.0,
    name: str,
    title: str,
) -> Figure:
    """The haplotypes of a chromosome by ancestry, the share of the source, and the score of each column.

    Args:
        painted: 1 for the source, 0 for others, -1 without a call (haplotype, column).
        scores: of the columns (column,).
        length: bases.
        threshold: from which an interval is called.
        site: true place in bases, NaN where it is not known.
        start: where the chromosome or window begins, in bases.
        name: of the figure's files.
        title: above it.
    """
    rows = painted[np.linspace(0, len(painted) - 1, min(len(painted), _PIXELS)).astype(int)]
    edges = (start + np.linspace(0, length, painted.shape[1] + 1)) / 1e6
    called = (painted >= 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        share = np.where(called > 0, (painted == 1).sum(axis=0) / np.maximum(called, 1), np.nan)
    with drawing(width=WIDE * 0.9, height=3.9, rows=2) as (canvas, axes):
        top, bottom = axes
        top.imshow(
            1 - rows.clip(-0.35, 1) if (rows < 0).any() else 1 - rows,
            cmap="gray",
            vmin=0,
            vmax=1.35,
            aspect="auto",
            interpolation="nearest",
            extent=(edges[0], edges[-1], len(painted), 0),
        )
        top.grid(visible=False)
        top.set(ylabel="haplotypes", xlim=(edges[0], edges[-1]))
        bottom.stairs(share, edges, color=MUTED, label="share of the source", baseline=None)
        bottom.stairs(scores, edges, color=PALETTE[0], fill=True, alpha=0.35, label="score of the interval")
        bottom.axhline(threshold, color=PALETTE[0], linewidth=0.8, linestyle=":")
        for one in called_intervals(scores, threshold):
            for panel in axes:
                panel.axvspan(edges[one.first], edges[one.last], color=PALETTE[1], alpha=0.22, linewidth=0)
        if np.isfinite(site):
            for panel in axes:
                panel.axvline((start + site) / 1e6, color=PALETTE[1], linewidth=1.2)
        bottom.set(ylim=(0, 1.02), xlim=(edges[0], edges[-1]), xlabel="megabases")
        bottom.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.28), ncols=2)
        said = "Dark: haplotypes of the source. Bands: called intervals."
        return seal(
            canvas,
            name=name,
            title=title,
            table={"start": edges[:-1] * 1e6, "end": edges[1:] * 1e6, "share": share, "score": scores},
            caption=said + (" Line: the selected site." if np.isfinite(site) else ""),
        )


def precision_recall_lines(
    found: Mapping[str, tuple[tuple[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]], *, threshold: float
) -> Figure:
    """Precision over recall of columns at all thresholds, a dot at the one at which intervals are called.

    Args:
        found: of each method recall and precision from high to low thresholds, and its figures.
        threshold: of the dot.
    """
    table: dict[str, list[object]] = {"method": [], "recall": [], "precision": []}
    with drawing(width=SMALL * 1.1, height=3.2) as (canvas, axes):
        for number, (name, ((recall, precision), figures)) in enumerate(found.items()):
            known = np.isfinite(precision)
            _, first = np.unique(np.column_stack([recall, precision])[known], axis=0, return_index=True)
            at = np.flatnonzero(known)[np.sort(first)]
            colour = PALETTE[number] if number < len(PALETTE) else INK
            axes.plot(recall[at], precision[at], color=colour, label=name, linewidth=1.8 if number == 0 else 1.2)
            axes.plot(figures["recall"], figures["precision"], "o", color=colour, markersize=5)
            table["method"] += [name] * len(at)
            table["recall"] += recall[at].tolist()
            table["precision"] += precision[at].tolist()
        axes.set(xlabel="recall of columns", ylabel="precision of columns", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend(fontsize=8, loc="lower left")
        return seal(
            canvas,
            name="precision_recall_of_columns",
            title="Precision over recall of columns",
            table=table,
            caption=f"Every column of every test chromosome is one test. Dots: score {threshold:g} or more.",
        )
