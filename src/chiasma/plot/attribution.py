"""Where along the sequence the evidence lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, WIDE, drawing, seal, shorten


def position_profile(
    position: Sequence[float], columns: Mapping[str, Sequence[float]], *, label: str = "position (bases)"
) -> Figure:
    """Attribution averaged over sequences at each position, one line a column.

    Args:
        position: position (position,), 0 where the sequences are anchored.
        columns: name of a group of sequences -> mean attribution (position,).
        label: label of the position axis.
    """
    x = np.asarray(position, float)
    with drawing(WIDE, 2.7) as (canvas, axes):
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for (name, values), color in zip(columns.items(), PALETTE, strict=False):
            axes.plot(
                x, np.asarray(values, float), color=color, linewidth=1.4, label=shorten(name.replace("_", " "), 40)
            )
        axes.set(xlabel=label, ylabel="mean attribution")
        axes.margins(x=0.01)
        if len(columns) > 1:
            axes.legend(loc="upper right", labelcolor=INK)
        return seal(
            canvas,
            name="position_profile",
            title="Attribution by position",
            table={"position": x, **columns},
            caption="Averaged over the explained sequences. A peak is a place that the model reads.",
        )
