"""Where the heads of an attention network look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import MUTED, WIDE, drawing, number, seal

_LABELS = {"distance": "key minus query (bases)", "key": "position of the key (bases)"}


def attention_map(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Mean attention of each head, by the distance of the key from the query and by the key's own place.

    Args:
        rows: {"layer", "head", "axis", "at", "attention"}; axis is "distance" or "key", `at` is in bases.
    """
    heads = sorted({(int(number(row["layer"])), int(number(row["head"]))) for row in rows})
    with drawing(WIDE, 1.3 + 0.24 * len(heads), columns=2) as (canvas, panels):
        for axes, (axis, label) in zip(panels, _LABELS.items(), strict=True):
            places, values = _grid([row for row in rows if row["axis"] == axis], heads)
            if not len(places):
                continue
            edges = np.append(places, places[-1] + (places[1] - places[0] if len(places) > 1 else 1))
            mesh = axes.pcolormesh(edges, np.arange(len(heads) + 1) - 0.5, values, cmap="Blues", vmin=0)
            canvas.colorbar(mesh, ax=axes, label="mean attention", shrink=0.9).outline.set_edgecolor(MUTED)
            axes.set_yticks(range(len(heads)), [f"{layer}.{head}" for layer, head in heads], fontsize=8)
            axes.invert_yaxis()
            axes.grid(visible=False)
            axes.set(xlabel=label, ylabel="layer.head")
        columns = ("layer", "head", "axis", "at", "attention")
        return seal(
            canvas,
            name="attention",
            title="Attention",
            table={key: [row[key] if key == "axis" else number(row[key]) for row in rows] for key in columns},
            caption="Averaged over the explained sequences. A dark column at a distance is a spacing that a head looks "
            "at, a dark column at a place is where it looks whatever asks. Attention is not attribution.",
        )


def _grid(rows: Sequence[Mapping[str, Any]], heads: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Places (place,) and the attention of each head there (head, place)."""
    places = sorted({number(row["at"]) for row in rows})
    column, line = {at: index for index, at in enumerate(places)}, {head: index for index, head in enumerate(heads)}
    values = np.zeros((len(heads), len(places)))
    for row in rows:
        values[line[int(number(row["layer"])), int(number(row["head"]))], column[number(row["at"])]] = number(
            row["attention"]
        )
    return np.array(places), values
