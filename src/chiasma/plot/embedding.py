"""Samples in a layout, and shares of what several views have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, PALETTE, SMALL, drawing, seal, shorten

_MANY = 2000


def layout_scatter(points: np.ndarray, columns: Sequence[str], *, name: str, title: str, caption: str = "") -> Figure:
    """Samples on the first two dimensions of a layout, darker where they crowd.

    Args:
        points: (sample, dimension), one dimension or more.
        columns: names of the dimensions (dimension,).
        name: file stem.
        title: of the figure.
        caption: how to read it.
    """
    x = points[:, 0]
    y = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
    with drawing(SMALL, SMALL * 0.92) as (canvas, axes):
        axes.scatter(x, y, s=12 if len(points) < _MANY else 4, color=PALETTE[0], alpha=0.45, linewidths=0)
        axes.set(xlabel=columns[0], ylabel=columns[1] if points.shape[1] > 1 else "")
        table: dict[str, Any] = {"sample": list(range(len(points)))}
        table |= {column: points[:, index].tolist() for index, column in enumerate(columns)}
        return seal(canvas, name=name, title=title, table=table, caption=caption)


def grouped_bars(
    rows: Sequence[Mapping[str, Any]], *, group: str, bar: str, value: str, name: str, title: str, caption: str = ""
) -> Figure:
    """Horizontal bars of `value`, one colour for each `bar`, in blocks of `group`.

    Args:
        rows: each with the three keys; further keys go to the table only.
        group: key of the block.
        bar: key of the colour.
        value: key of the length.
        name: file stem.
        title: of the figure.
        caption: how to read it.
    """
    groups, bars = (list(dict.fromkeys(str(row[key]) for row in rows)) for key in (group, bar))
    height = 0.8 / max(len(bars), 1)
    with drawing(SMALL, 1.3 + 0.26 * len(rows)) as (canvas, axes):
        for index, label in enumerate(bars):
            mine = [row for row in rows if str(row[bar]) == label]
            places = [groups.index(str(row[group])) - 0.4 + (index + 0.5) * height for row in mine]
            lengths = [float(row[value]) for row in mine]
            axes.barh(
                places, lengths, height=0.9 * height, color=PALETTE[index % len(PALETTE)], label=shorten(label, 22)
            )
        axes.set_yticks(range(len(groups)), [shorten(text, 18) for text in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(value.replace("_", " "))
        if len(bars) > 1:
            canvas.legend(loc="outside lower center", ncols=min(len(bars), 3), labelcolor=INK)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        table = {key: [row.get(key) for row in rows] for key in columns}
        return seal(canvas, name=name, title=title, table=table, caption=caption)
