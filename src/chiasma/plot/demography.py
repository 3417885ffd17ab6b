"""Sizes of populations back in time, one history or several over each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, PALETTE, SMALL, drawing, seal, shorten

_POINTS = 40
_DASHES = ("-", "--", ":", "-.")


def size_path(deme: Any, *, oldest: float) -> tuple[np.ndarray, np.ndarray]:
    """Generations ago and diploid sizes along a demes.Deme, the present first, ending at `oldest` at the latest."""
    times, sizes = [], []
    for epoch in reversed(deme.epochs):
        begin, end = min(epoch.start_time, oldest), epoch.end_time
        if begin <= end:
            continue
        ago = np.linspace(end, begin, _POINTS)
        share = 0.0
        if epoch.start_size != epoch.end_size:
            share = np.log(epoch.end_size / epoch.start_size) / (epoch.start_time - end)
        times.append(ago)
        sizes.append(epoch.end_size * np.exp(-share * (ago - end)))
    return (np.concatenate(times), np.concatenate(sizes)) if times else (np.zeros(0), np.zeros(0))


def draw_demography(graphs: Mapping[str, Any]) -> Figure:
    """Sizes over time of each deme, a colour a deme and a kind of line a history.

    Args:
        graphs: demes.Graph by name, for instance estimate and truth; times in generations, growth exponential.
    """
    events = [
        time
        for graph in graphs.values()
        for deme in graph.demes
        for epoch in deme.epochs
        for time in (epoch.start_time, epoch.end_time)
        if np.isfinite(time) and time > 0
    ]
    oldest = 1.5 * max(events, default=1_000.0)
    names = list(dict.fromkeys(deme.name for graph in graphs.values() for deme in graph.demes))
    table: dict[str, list[Any]] = {"history": [], "deme": [], "generations": [], "size": []}
    with drawing(1.5 * SMALL) as (canvas, axes):
        for number, (name, graph) in enumerate(graphs.items()):
            for deme in graph.demes:
                times, sizes = size_path(deme, oldest=oldest)
                label = shorten(f"{deme.name}, {name}" if len(graphs) > 1 else deme.name)
                colour = PALETTE[names.index(deme.name) % len(PALETTE)]
                axes.plot(times, sizes, _DASHES[number % len(_DASHES)], color=colour, label=label)
                table["history"] += [name] * len(times)
                table["deme"] += [deme.name] * len(times)
                table["generations"] += times.tolist()
                table["size"] += sizes.tolist()
            for pulse in graph.pulses:
                axes.axvline(pulse.time, color=INK, linewidth=0.6, linestyle=_DASHES[number % len(_DASHES)])
        axes.set_yscale("log")
        axes.set_xlabel("generations ago")
        axes.set_ylabel("diploid individuals")
        axes.legend(frameon=False)
        caption = "Diploid size of each population back in time; thin upright lines are pulses of gene flow."
        return seal(canvas, name="demography", title="Population sizes", table=table, caption=caption)
