"""Tracks along windows: how well each is predicted, and a window as measured and as predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import MUTED, PALETTE, SMALL, drawing, seal, shorten

_MOST = 40
_POINTS = 2048


def track_bars(table: Mapping[str, np.ndarray], *, method: str, rivals: Sequence[str]) -> Figure:
    """Correlation of each track with its interval, best first, and that of the rivals.

    Args:
        table: columns track, pearson, low, high, and "pearson of RIVAL" (track,).
        method: name of the method.
        rivals: names of the rivals in the table.
    """
    order = np.argsort(-np.nan_to_num(table["pearson"], nan=-2), kind="stable")
    if len(order) > _MOST:
        order = order[np.unique(np.linspace(0, len(order) - 1, _MOST).round().astype(int))]
    row = np.arange(len(order))[::-1]
    value, low, high = (np.asarray(table[name], float)[order] for name in ("pearson", "low", "high"))
    with drawing(width=SMALL * 1.4, height=0.8 + 0.2 * len(order)) as (canvas, axes):
        axes.hlines(row, low, high, color=PALETTE[0], linewidth=1.4)
        axes.plot(value, row, "o", color=PALETTE[0], markersize=4, label=method)
        for number, name in enumerate(rivals, start=1):
            axes.plot(table[f"pearson of {name}"][order], row, "|", color=PALETTE[number], markersize=7, label=name)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(row, [shorten(name) for name in table["track"][order]], fontsize=7)
        axes.set(xlabel="Pearson correlation over bins of the test windows", ylim=(-0.7, len(order) - 0.3))
        axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1 + len(rivals))
        some = "" if len(order) == len(table["track"]) else f" {len(order)} of {len(table['track']):,} tracks, evenly."
        return seal(
            canvas,
            name="correlation_by_track",
            title="Correlation of each track",
            table={name: np.asarray(column)[order] for name, column in table.items()},
            caption="Lines are 95 % intervals; whole units of windows were resampled." + some,
        )


def window_tracks(name: str, tracks: Mapping[str, tuple[np.ndarray, np.ndarray]], bin: int) -> Figure:
    """One window: measured and predicted values of some tracks, bin by bin.

    Args:
        name: of the window.
        tracks: measured and predicted values (bin,) by track.
        bin: bases of a bin.
    """
    with drawing(width=SMALL * 1.8, height=1.4 * len(tracks) + 0.5, rows=len(tracks)) as (canvas, axes):
        table: dict[str, np.ndarray] = {}
        for panel, (track, (measured, predicted)) in zip(np.atleast_1d(axes), tracks.items(), strict=True):
            step = -(-len(measured) // _POINTS)
            place = np.arange(0, len(measured), step)
            one, two = (np.array([values[at : at + step].max() for at in place]) for values in (measured, predicted))
            kilobases = place * bin / 1000
            panel.fill_between(kilobases, one, color=MUTED, alpha=0.45, linewidth=0, step="post", label="measured")
            panel.plot(kilobases, two, color=PALETTE[0], linewidth=1, drawstyle="steps-post", label="predicted")
            panel.set_title(shorten(track, 60), fontsize=8, loc="left")
            table |= {"kilobases": kilobases, f"measured {track}": one, f"predicted {track}": two}
        np.atleast_1d(axes)[0].legend(frameon=False, fontsize=7, loc="upper right")
        np.atleast_1d(axes)[-1].set(xlabel=f"kilobases from the first bin of {name}")
        return seal(
            canvas,
            name="tracks_of_a_window",
            title=f"Measured and predicted tracks of {name}",
            table=table,
            caption="The test window with the highest bin of the best track: that track, a middling, the poorest.",
        )
