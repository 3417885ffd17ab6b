"""What factors of several views explain, where the samples lie on them, and what they were learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, PALETTE, PAPER, SMALL, WIDE, drawing, seal, shorten

if TYPE_CHECKING:
    import pandas as pd

_MOST_FACTORS, _MOST_SAMPLES = 25, 2000


def draw_explained(shares: pd.DataFrame) -> Figure:
    """Heat map of the variance explained, views by factors, one panel a study, the total of each view beside it.

    Args:
        shares: ((study, view), factor), shares from 0 to 1, the last column `total`.
    """
    studies = list(dict.fromkeys(shares.index.get_level_values("study")))
    factors = [name for name in shares.columns if name != "total"]
    views = list(dict.fromkeys(shares.index.get_level_values("view")))
    shown = factors[:_MOST_FACTORS]
    percent = 100 * shares.clip(lower=0)
    top = max(float(percent[factors].to_numpy().max()), 1e-9)
    height = 0.75 + len(studies) * (0.55 + 0.34 * len(views))
    with drawing(WIDE, height, rows=len(studies), columns=2) as (canvas, panels):
        grid = np.asarray(panels).reshape(len(studies), 2)
        canvas.get_layout_engine().set(wspace=0.02)
        for row, study in enumerate(studies):
            heat, bars = grid[row]
            block = percent.loc[study].reindex(views)
            _heat(heat, block[shown].to_numpy(), views, shown, top=top)
            if len(studies) > 1:
                heat.set_title(shorten(study, 24))
            bars.barh(range(len(views)), block["total"], color=PALETTE[0], height=0.7)
            bars.set_yticks([])
            bars.set_ylim(len(views) - 0.5, -0.5)
            bars.set_xlim(0, max(float(percent["total"].max()) * 1.2, 1e-9))
            bars.grid(axis="y", visible=False)
            for y, value in enumerate(block["total"]):
                bars.annotate(f"{value:.1f}", (value, y), xytext=(3, 0), textcoords="offset points", va="center")
            if row == len(studies) - 1:
                bars.set_xlabel("all factors, % of variance")
        _stretch(grid)
        rows = [(study, view, factor) for study in studies for view in views for factor in shares.columns]
        return seal(
            canvas,
            name="variance_explained",
            title="Variance explained by view and factor",
            table={
                "study": [row[0] for row in rows],
                "view": [row[1] for row in rows],
                "factor": [row[2] for row in rows],
                "share": [float(shares.loc[row[:2], row[2]]) for row in rows],
            },
            caption="Per cent of a view's variance that a factor alone explains. A factor that is dark in one row only "
            "belongs to that view; one that is dark in several is shared. Bars: all factors together."
            + (f" The first {_MOST_FACTORS} factors." if len(factors) > len(shown) else ""),
        )


def draw_factors(factors: np.ndarray, names: Sequence[str], weight: np.ndarray) -> Figure:
    """Samples on each factor, one strip a factor.

    Args:
        factors: (sample, factor).
        names: of the factors (factor,).
        weight: summed share of variance by factor, for the labels (factor,).
    """
    shown = list(range(min(len(names), _MOST_FACTORS)))
    rows = np.linspace(0, len(factors) - 1, min(len(factors), _MOST_SAMPLES)).round().astype(int)
    with drawing(WIDE, 2.9) as (canvas, axes):
        for place, factor in enumerate(shown):
            values = factors[rows, factor]
            axes.scatter(
                place + 0.28 * _spread(values),
                values,
                s=7,
                color=PALETTE[place % len(PALETTE)],
                alpha=0.6,
                linewidths=0,
            )
        axes.axhline(0, color=INK, linewidth=0.6)
        labels = [f"{names[factor].removeprefix('factor')}\n{100 * max(weight[factor], 0):.0f}" for factor in shown]
        axes.set_xticks(range(len(shown)), labels)
        axes.set(xlabel="factor, and per cent of variance summed over views", ylabel="place on the factor")
        axes.grid(axis="x", visible=False)
        return seal(
            canvas,
            name="factor_overview",
            title="Samples on each factor",
            table={
                "sample": np.tile(np.arange(len(factors)), len(names)).tolist(),
                "factor": np.repeat(list(names), len(factors)).tolist(),
                "value": factors.T.ravel().tolist(),
            },
            caption="A point is a sample of the train part, spread sideways where many lie together. Two clouds on one "
            "factor are two kinds of samples; one far point is an outlier."
            + (f" {len(rows):,} of {len(factors):,} samples are drawn." if len(rows) < len(factors) else ""),
        )


def draw_measured(measured: np.ndarray, views: Sequence[str]) -> Figure:
    """How many samples were measured in which combination of views.

    Args:
        measured: (sample, view).
        views: names (view,).
    """
    kinds, counts = np.unique(measured, axis=0, return_counts=True)
    order = np.lexsort([*kinds.T, -counts])[:20]
    kinds, counts = kinds[order], counts[order]
    with drawing(SMALL, 0.95 + 0.3 * len(views)) as (canvas, axes):
        _heat(
            axes,
            np.where(kinds, 1.0, 0.0).T,
            views,
            [f"{count:,}" for count in counts],
            top=1.6,
            numbers=False,
        )
        axes.set_xlabel("samples")
        return seal(
            canvas,
            name="measured",
            title="What was measured",
            table={
                **{view: kinds[:, index].tolist() for index, view in enumerate(views)},
                "samples": counts.tolist(),
            },
            caption="A column is a set of samples that were measured in the same views, marked in colour.",
        )


def draw_bound(iterations: Sequence[int], bounds: Sequence[float]) -> Figure:
    """The evidence lower bound over the iterations."""
    with drawing(SMALL, 2.4) as (canvas, axes):
        axes.plot(iterations, bounds, color=PALETTE[0], marker="o" if len(bounds) == 1 else None)
        axes.set(xlabel="iteration", ylabel="evidence lower bound")
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))
        return seal(
            canvas,
            name="bound",
            title="Convergence",
            table={"iteration": list(iterations), "bound": list(bounds)},
            caption="The bound rises until it stands still; it may fall only where a factor is dropped.",
        )


def draw_choice(tried: Sequence[int], scores: Sequence[float], errors: Sequence[float], chosen: int) -> Figure:
    """Likelihood of hidden values by number of factors, with the standard error of the difference to the best.

    Args:
        tried: numbers of factors, ascending.
        scores: mean log-likelihood of a hidden value.
        errors: standard error of each difference to the best.
        chosen: the number taken.
    """
    with drawing(SMALL, 2.4) as (canvas, axes):
        axes.errorbar(tried, scores, yerr=errors, color=PALETTE[0], marker="o", markersize=4, linewidth=1.2)
        axes.axvline(chosen, color=PALETTE[1], linewidth=1, linestyle="--")
        axes.set_xticks(list(tried))
        axes.set(xlabel="factors", ylabel="log-likelihood of a hidden value (nats)")
        return seal(
            canvas,
            name="factor_choice",
            title="Number of factors",
            table={
                "factors": list(tried),
                "score": list(scores),
                "standard_error": list(errors),
                "chosen": [number == chosen for number in tried],
            },
            caption="Each number fitted with values hidden; the smallest that is no worse than the best is taken.",
        )


def _heat(
    axes: Any, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, top: float, numbers: bool = True
) -> None:
    """Cells of one colour, its strength by value, as shapes and not an image so that the SVG stays sharp."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("share", [PAPER, "#9cc9e3", PALETTE[0], "#00304d"])
    axes.pcolormesh(values, cmap=colors, vmin=0, vmax=top, edgecolors=PAPER, linewidth=1.5)
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(rows)) + 0.5, [shorten(row, 18) for row in rows])
    axes.set_xticks(np.arange(len(columns)) + 0.5, [column.removeprefix("factor") for column in columns])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if numbers and len(columns) <= 15:
        for (y, x), value in np.ndenumerate(values):
            if value >= 0.5:
                color = PAPER if value > 0.45 * top else INK
                axes.text(x + 0.5, y + 0.5, f"{value:.0f}", ha="center", va="center", fontsize=8, color=color)


def _stretch(grid: np.ndarray) -> None:
    """Three parts of the width to the heat map, one to the bars."""
    grid[0, 0].get_subplotspec().get_gridspec().set_width_ratios([3, 1])


def _spread(values: np.ndarray) -> np.ndarray:
    """Sideways places from -1 to 1: neighbours in value alternate, the wider the denser."""
    if len(values) < 2 or values.max() <= values.min():
        return np.zeros(len(values))
    bins = np.minimum(((values - values.min()) / (values.max() - values.min()) * 25).astype(int), 24)
    counts = np.bincount(bins, minlength=25)
    place = np.zeros(len(values))
    for one in np.flatnonzero(counts > 1):
        mine = np.flatnonzero(bins == one)
        place[mine] = np.linspace(-1, 1, len(mine)) * counts[one] / counts.max()
    return place
