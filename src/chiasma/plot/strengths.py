"""Areas under ROC curves by the strength of selection, of several scorers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.data.results import Figure
from chiasma.plot.style import INK, PALETTE, WIDE, drawing, number, seal, shorten


def area_by_strength(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw each scorer's area at each selection coefficient with its interval.

    Args:
        rows: {"scorer", "s", "n", "auroc": {"value", "low", "high"}}, the method's first.
    """
    scorers = list(dict.fromkeys(str(row["scorer"]) for row in rows))
    strengths = sorted({float(row["s"]) for row in rows})
    table: dict[str, list[Any]] = {"scorer": [row["scorer"] for row in rows], "s": [row["s"] for row in rows]}
    table["n"] = [row["n"] for row in rows]
    table |= {key: [number(row["auroc"].get(key)) for row in rows] for key in ("value", "low", "high")}
    with drawing(WIDE * 0.8, 3.1) as (canvas, axes):
        axes.axhline(0.5, color=INK, linewidth=1)
        for place, name in enumerate(scorers):
            own = [row for row in rows if row["scorer"] == name]
            x = [strengths.index(float(row["s"])) + 0.7 * ((place + 0.5) / len(scorers) - 0.5) for row in own]
            low, high, value = ([number(row["auroc"].get(key)) for row in own] for key in ("low", "high", "value"))
            colour = PALETTE[place % len(PALETTE)]
            axes.vlines(x, low, high, color=colour, linewidth=2, alpha=0.6)
            axes.plot(x, value, "o", color=colour, label=shorten(name), markersize=5)
        axes.set_xticks(range(len(strengths)), [f"{s:g}" for s in strengths])
        axes.set(xlabel="selection coefficient s", ylabel="area under the ROC curve", ylim=(0.3, 1.02))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        return seal(
            canvas,
            name="area_by_strength",
            title="Detection by the strength of selection",
            table=table,
            caption="Selected regions of each coefficient against all neutral ones, on the test part, with 95 % "
            "intervals by bootstrap over regions. The heterozygote has half the advantage.",
        )
