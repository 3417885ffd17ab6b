"""Predictions across people: how their correlations spread over genes, and beside those of a linear baseline."""

from __future__ import annotations

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, drawing, seal


def correlation_histogram(r: np.ndarray, right: np.ndarray, wrong: np.ndarray, *, null_mean: np.ndarray) -> Figure:
    """Correlations over genes, significant ones coloured by sign, and where their mean lies if people are permuted.

    Args:
        r: correlation across people of each gene (gene,).
        right, wrong: significant and of that sign (gene,).
        null_mean: mean correlation of each permutation (draw,).
    """
    known = ~np.isnan(r)
    edges = np.linspace(-1, 1, 41)
    groups = {"against": wrong, "with the measurement": right, "not significant": ~(wrong | right) & known}
    colors = (PALETTE[1], PALETTE[0], "#c3c9d1")
    with drawing() as (canvas, axes):
        axes.hist([r[one] for one in groups.values()], bins=edges, stacked=True, color=colors,
                  label=[f"{name} ({int(one.sum()):,})" for name, one in groups.items()])  # fmt: skip
        low, high = np.nanpercentile(null_mean, [2.5, 97.5]) if known.any() else (0.0, 0.0)
        axes.axvspan(low, high, color=MUTED, alpha=0.25, linewidth=0)
        axes.axvline(float(np.nanmean(r)) if known.any() else 0.0, color=INK, linewidth=1.4)
        axes.set(xlabel="Pearson r across people", ylabel="genes", xlim=(-1, 1))
        axes.legend(loc="upper left", fontsize=8)
        return seal(
            canvas,
            name="correlations",
            title="Correlation across people, gene by gene",
            table={"r": r[known], "right": right[known], "wrong": wrong[known]},
            caption="The line is the mean over genes; the band holds 95 % of the means when people are permuted.",
        )


def beside_baseline(model: np.ndarray, baseline: np.ndarray, *, name: str) -> Figure:
    """Each gene's correlation by the model against that by a baseline, on the same people.

    Args:
        model, baseline: (gene,); genes where either has none are left out.
        name: of the baseline.
    """
    known = ~(np.isnan(model) | np.isnan(baseline))
    with drawing(height=3.6) as (canvas, axes):
        axes.plot([-1, 1], [-1, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(baseline[known], model[known], "o", markersize=3.2, alpha=0.4, color=PALETTE[0], markeredgewidth=0)
        axes.set(xlabel=f"r of {name}", ylabel="r of the model", xlim=(-1, 1), ylim=(-1, 1))
        axes.set_aspect("equal", adjustable="box")
        return seal(
            canvas,
            name="beside_baseline",
            title=f"The model beside {name}",
            table={"baseline": baseline[known], "model": model[known]},
            caption=f"Test people alone. {int((~known).sum()):,} genes have no correlation by one of the two.",
        )


def gene_scatter(predicted: np.ndarray, measured: np.ndarray, *, gene: str, r: float) -> Figure:
    """A gene's predictions against its measurements, a point a person."""
    with drawing() as (canvas, axes):
        axes.plot(predicted, measured, "o", markersize=3.2, alpha=0.5, color=PALETTE[2], markeredgewidth=0)
        axes.set(xlabel="predicted", ylabel="measured")
        axes.text(0.04, 0.97, f"r = {r:.3f}", transform=axes.transAxes, va="top", fontsize=9.5, color=INK)
        return seal(
            canvas,
            name="gene",
            title=f"{gene}: the gene of largest |r|",
            table={"predicted": predicted, "measured": measured},
        )
