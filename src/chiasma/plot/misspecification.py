"""How far simulations are from data: areas of classifiers with their intervals, and shifts of statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, drawing, number, seal, shorten

_MOST = 24
"""Statistics drawn, those farthest off; the table has all."""


def told_apart(areas: Mapping[str, Mapping[str, Any] | None], *, limits: tuple[float, float]) -> Figure:
    """Areas under ROC curves, one a row, with the limits of a verdict.

    Args:
        areas: {"value", "low", "high"} by what is compared; None where it was not measured.
        limits: areas up to which simulations fit, and from which they do not.
    """
    known = {name: row for name, row in areas.items() if row is not None}
    table: dict[str, list[Any]] = {"compared": list(known)}
    table |= {key: [number(row.get(key)) for row in known.values()] for key in ("value", "low", "high")}
    places = list(range(len(known)))[::-1]
    with drawing(height=1.1 + 0.42 * len(known)) as (canvas, axes):
        for place in (0.5, *limits):
            axes.axvline(
                place, color=INK if place == 0.5 else MUTED, linewidth=1, linestyle="-" if place == 0.5 else ":"
            )
        axes.hlines(places, table["low"], table["high"], color=PALETTE[0], linewidth=2, alpha=0.6)
        axes.plot(table["value"], places, "o", color=PALETTE[0])
        axes.set_yticks(places, [shorten(name) for name in known])
        axes.set(xlabel="area under the ROC curve", xlim=(0.25, 1.02), ylim=(-0.6, len(known) - 0.4))
        axes.grid(axis="y", visible=False)
        return seal(
            canvas,
            name="told_apart",
            title="How well windows are told from simulations",
            table=table,
            caption=f"0.5: not at all. Dotted: {limits[0]} and {limits[1]}, up to which simulations fit and from which "
            "they do not.",
        )


def shifted(rows: Sequence[Mapping[str, Any]], *, larger: float) -> Figure:
    """Mean of the data less that of simulations for each statistic, in standard deviations of the simulations.

    Args:
        rows: {"statistic", "shift", "shift_as_drawn", "shift_resized"}, one a statistic.
        larger: by which share populations of the last were larger.
    """
    keys = ("shift", "shift_as_drawn", "shift_resized")
    ordered = sorted(rows, key=lambda row: -abs(number(row["shift"]) or 0))
    table: dict[str, list[Any]] = {"statistic": [row["statistic"] for row in ordered]}
    table |= {key: [number(row[key]) for row in ordered] for key in keys}
    shown = ordered[:_MOST]
    places = list(range(len(shown)))[::-1]
    labels = ("of like parameters", "as drawn", f"populations {larger:.0%} larger")
    with drawing(height=1.2 + 0.24 * len(shown)) as (canvas, axes):
        axes.axvline(0, color=INK, linewidth=1)
        for key, label, marker, color in zip(keys, labels, "o|x", (PALETTE[0], MUTED, PALETTE[1]), strict=True):
            axes.plot([number(row[key]) for row in shown], places, marker, color=color, label=label)
        axes.set_yticks(places, [shorten(str(row["statistic"])) for row in shown], fontsize=8)
        axes.set(xlabel="data less simulations, standard deviations", ylim=(-0.8, len(shown) - 0.2))
        axes.legend(loc="best", fontsize=8)
        return seal(
            canvas,
            name="shifted",
            title="Statistics of windows and of simulations",
            table=table,
            caption="Circles: simulations of like parameters; strokes: as drawn from the prior; crosses: what larger "
            "populations would do.",
        )
