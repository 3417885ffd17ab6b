"""Whether probabilities mean what they say, and how large the conformal sets are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, drawing, number, seal, shorten


def reliability(curve: Sequence[Mapping[str, Any]]) -> Figure:
    """Observed frequency against predicted probability, with intervals; area of a point is its share of examples.

    Args:
        curve: {"mean_p", "observed", "low", "high", "n"}, one a bin.
    """
    columns = {key: [number(row.get(key)) for row in curve] for key in ("mean_p", "observed", "low", "high", "n")}
    sizes = np.nan_to_num(np.array(columns["n"], float), nan=1.0)
    with drawing(height=3.3) as (canvas, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.vlines(columns["mean_p"], columns["low"], columns["high"], color=PALETTE[0], linewidth=2, alpha=0.5)
        area = 18 + 120 * sizes / max(sizes.max(initial=1.0), 1.0)
        axes.scatter(columns["mean_p"], columns["observed"], s=area, color=PALETTE[0], linewidths=0)
        axes.set(xlabel="predicted probability", ylabel="observed frequency", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        return seal(
            canvas,
            name="reliability",
            title="Reliability",
            table=columns,
            caption="On the dashed line a probability of 0.8 comes true 8 times in 10. Larger points: more examples.",
        )


def set_sizes(sizes: Sequence[int] | np.ndarray, *, n_classes: int) -> Figure:
    """How many classes the conformal set of each test example holds.

    Args:
        sizes: classes in each set (example,).
        n_classes: classes there are.
    """
    counts = np.bincount(np.asarray(sizes, int), minlength=n_classes + 1)
    share = counts / max(counts.sum(), 1)
    with drawing(height=3.3) as (canvas, axes):
        colors = [PALETTE[0] if size == 1 else MUTED for size in range(len(counts))]
        axes.bar(range(len(counts)), share, color=colors, width=0.62)
        for size, (part, count) in enumerate(zip(share, counts, strict=True)):
            text = f"{part:.1%}" if count else "0"
            axes.annotate(text, (size, part), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=9)
        axes.set_xticks(range(len(counts)))
        axes.set_ylim(0, max(1.0, share.max(initial=0)) * 1.08)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="classes in the set", ylabel="share of test examples")
        return seal(
            canvas,
            name="set_sizes",
            title="Conformal set sizes",
            table={"classes_in_set": list(range(len(counts))), "examples": counts, "share": share},
            caption="One class: a decided answer. Two or more: undecided. None: like nothing seen in calibration.",
        )


def score_histogram(y: np.ndarray, score: np.ndarray, *, names: Sequence[str], label: str = "probability") -> Figure:
    """Histogram of a score, apart for each true class.

    Args:
        y: class codes (example,).
        score: between 0 and 1 (example,).
        names: class names.
        label: label of the score's axis.
    """
    edges = np.linspace(0, 1, 31)
    table: dict[str, Any] = {"from": edges[:-1], "to": edges[1:]}
    with drawing(height=3.3) as (canvas, axes):
        colors = (MUTED, PALETTE[0]) if len(names) == 2 else PALETTE
        top = 0
        for code, (name, color) in enumerate(zip(names, colors, strict=False)):
            counts, _ = np.histogram(np.asarray(score)[np.asarray(y) == code], edges)
            axes.stairs(counts, edges, fill=True, color=color, alpha=0.28, linewidth=0)
            axes.stairs(counts, edges, color=color, linewidth=1.5, label=shorten(name, 22))
            table[f"examples_{name}"] = counts
            top = max(top, int(counts.max(initial=0)))
        axes.set_ylim(0, max(top, 1) * 1.08)
        axes.legend(loc="upper center", title="true class", title_fontsize=9, labelcolor=INK)
        axes.set(xlabel=label, ylabel="test examples", xlim=(0, 1))
        return seal(
            canvas,
            name="scores",
            title="Scores by true class",
            table=table,
            caption="The further apart the two humps, the easier the examples; overlap is where errors come from.",
        )
