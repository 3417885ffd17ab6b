"""Sets of cells before and after they are aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import MUTED, PALETTE, SMALL, WIDE, drawing, seal, shorten, thin

_MOST = 1500
"""Cells drawn; more are thinned evenly."""


def plot_integration(places: Mapping[str, np.ndarray], sets: Sequence[str], types: Sequence[str]) -> Figure:
    """Cells on the first two axes of each space, by set above and by type below.

    Args:
        places: name of a space to where the cells lie in it (cell, dimension).
        sets: set of each cell.
        types: type of each cell; "" where unknown.
    """
    shown = thin(len(sets), _MOST)
    rows: dict[str, list[object]] = {"space": [], "x": [], "y": [], "set": [], "type": []}
    with drawing(WIDE, 5.4, rows=2, columns=len(places)) as (canvas, panels):
        panels = np.asarray(panels).reshape(2, len(places))
        for column, (name, place) in enumerate(places.items()):
            points = np.column_stack([place, np.zeros(len(place))])[shown, :2]
            for row, words in enumerate((sets, types)):
                _scatter(panels[row, column], points, [words[cell] for cell in shown])
            panels[0, column].set_title(shorten(name, 30))
            rows["space"] += [name] * len(shown)
            rows["x"] += points[:, 0].tolist()
            rows["y"] += points[:, 1].tolist()
            rows["set"] += [sets[cell] for cell in shown]
            rows["type"] += [types[cell] for cell in shown]
        return seal(
            canvas,
            name="integration",
            title="Reference and query before and after alignment",
            table=rows,
            caption="First two axes of each space; above by set, below by type (grey where unknown).",
        )


def plot_mixing(before: Mapping[str, float], after: Mapping[str, float]) -> Figure:
    """Figures of mixing and conservation, before and after alignment, each from 0 to 1.

    Args:
        before: value by name.
        after: value of the same names.
    """
    names = list(before)
    with drawing(SMALL, 2.9) as (canvas, axes):
        for shift, color, word, values in ((-0.19, MUTED, "before", before), (0.19, PALETTE[0], "after", after)):
            rows = np.arange(len(names)) + shift
            axes.barh(rows, [values[name] for name in names], height=0.36, color=color, label=word)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xlabel("0 to 1, higher is better")
        axes.grid(axis="y", visible=False)
        axes.legend(fontsize=8)
        return seal(
            canvas,
            name="mixing",
            title="Mixing of sets and conservation of types",
            table={"figure": names, "before": [before[n] for n in names], "after": [after[n] for n in names]},
            caption="ilisi and kbet: sets mixed around each cell; clisi, silhouette and ari: types apart.",
        )


def _scatter(axes: object, points: np.ndarray, words: Sequence[str]) -> None:
    names = sorted(set(words) - {""})
    groups = [("", MUTED), *((name, PALETTE[number % len(PALETTE)]) for number, name in enumerate(names))]
    for name, color in groups:
        member = np.asarray([word == name for word in words])
        if member.any():
            label = shorten(name, 18) if name else "unknown"
            axes.scatter(*points[member].T, s=5, color=color, label=label, linewidths=0, alpha=0.8)  # type: ignore[attr-defined]
    if len(names) <= 8:
        axes.legend(fontsize=7, markerscale=2)  # type: ignore[attr-defined]
    axes.set_xticks([])  # type: ignore[attr-defined]
    axes.set_yticks([])  # type: ignore[attr-defined]
