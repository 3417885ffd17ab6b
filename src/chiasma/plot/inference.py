"""Inference by simulation: intervals over ranges, a walk through them, predictive checks, evenness of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, WIDE, drawing, seal, shorten

_KS = 1.36
"""95 % of the largest distance between an even and an empirical distribution, times the root of their number."""


def plot_intervals(intervals: Mapping[str, Sequence[Any]], estimates: Mapping[str, Sequence[Any]]) -> Figure:
    """Medians and intervals of each parameter over its range, a colour a way, with point estimate and truth.

    Args:
        intervals: columns parameter, way, median, low, high, range_low, range_high (row,).
        estimates: columns parameter, estimate and, where known, truth (parameter,).
    """
    names = list(dict.fromkeys(intervals["parameter"]))
    ways = list(dict.fromkeys(intervals["way"]))
    rows = [dict(zip(intervals, row)) for row in zip(*intervals.values(), strict=True)]
    bounds = {row["parameter"]: (row["range_low"], row["range_high"]) for row in rows}
    with drawing(WIDE, 1.3 + 0.55 * len(names)) as (canvas, axes):
        for row in rows:
            low, high = bounds[row["parameter"]]
            share = [(row[key] - low) / (high - low) for key in ("low", "median", "high")]
            number = ways.index(row["way"])
            level = names.index(row["parameter"]) + 0.2 * (number - (len(ways) - 1) / 2)
            colour = PALETTE[number]
            label = row["way"] if row["parameter"] == names[0] else None
            axes.plot([share[0], share[2]], [level, level], color=colour, linewidth=2.2, label=label)
            axes.plot([share[1]], [level], "o", color=colour, markersize=4.5)
        for key, mark, colour in (("estimate", "D", INK), ("truth", "|", PALETTE[3])):
            if key not in estimates:
                continue
            for name, value in zip(estimates["parameter"], estimates[key], strict=True):
                low, high = bounds[name]
                size = 16 if key == "truth" else 5
                label = ("annealing" if key == "estimate" else key) if name == names[0] else None
                place = [(value - low) / (high - low)]
                axes.plot(place, [names.index(name)], mark, color=colour, markersize=size, label=label, linestyle="")
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels([f"{shorten(name)}\n{bounds[name][0]:g} to {bounds[name][1]:g}" for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("share of the range")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return seal(
            canvas,
            name="estimates",
            title="Estimates over the ranges they were sought in",
            table={key: list(column) for key, column in intervals.items()},
            caption="Points are medians, bars intervals of the posterior by each way; a bar as wide as the range says "
            "that the data tell nothing.",
        )


def plot_annealing(trace: Mapping[str, Sequence[Any]], bounds: Mapping[str, tuple[float, float]]) -> Figure:
    """Where each parameter stood after each step, as a share of its range, and the loss of the step's best proposal.

    Args:
        trace: columns step, loss, accepted and one a parameter (step,).
        bounds: low and high of each parameter.
    """
    with drawing(WIDE, 4.2, rows=2) as (canvas, (upper, lower)):
        for number, (name, (low, high)) in enumerate(bounds.items()):
            share = (np.asarray(trace[name], np.float64) - low) / (high - low)
            upper.plot(trace["step"], share, color=PALETTE[number % len(PALETTE)], label=shorten(name))
        upper.set_ylim(-0.03, 1.03)
        upper.set_ylabel("share of the range")
        upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        taken = np.asarray(trace["accepted"], bool)
        step, loss = np.asarray(trace["step"]), np.asarray(trace["loss"], np.float64)
        lower.plot(step, loss, color=MUTED, linewidth=1)
        lower.plot(step[taken], loss[taken], "o", color=PALETTE[0], markersize=4, label="accepted")
        lower.plot(step[~taken], loss[~taken], "o", color=PALETTE[1], markersize=4, label="refused")
        lower.set_xlabel("step")
        lower.set_ylabel("generator's loss")
        lower.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        return seal(
            canvas,
            name="annealing",
            title="The annealing",
            table={key: list(column) for key, column in trace.items()},
            caption="Above, the vector after each step; below, how far the step's best proposal was from being taken "
            "for observed, by one minibatch.",
        )


def plot_checks(checks: Mapping[str, Sequence[Any]]) -> Figure:
    """Differences between observed and simulated means, in standard deviations of a simulated region.

    Args:
        checks: columns name, observed, simulated, shift, shift_larger (of larger populations), difference (statistic,).
    """
    names = [shorten(name) for name in checks["name"]]
    away, larger = (np.asarray(checks[name], np.float64) for name in ("shift", "shift_larger"))
    with drawing(SMALL * 1.25, 1.2 + 0.16 * len(names)) as (canvas, axes):
        axes.axvline(0, color=MUTED, linewidth=1)
        for shifts, mark, colour in ((larger, "|", MUTED), (away, "o", PALETTE[0])):
            shown = np.isfinite(shifts)
            axes.plot(np.clip(shifts[shown], -5, 5), np.flatnonzero(shown), mark, color=colour, markersize=4)
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels(names, fontsize=7)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlabel("observed - simulated, standard deviations of a region")
        return seal(
            canvas,
            name="predictive_checks",
            title="Observed regions against the estimate's",
            table={key: list(column) for key, column in checks.items()},
            caption="The published statistics: means over held-out observed regions less those over regions simulated "
            "under the estimate; strokes: populations a tenth larger. Beyond 5 drawn at 5; absent where there is none.",
        )


def plot_ranks(ranks: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """How even the ranks of truths are among the draws of their posteriors, a panel a way, a line a parameter.

    Args:
        ranks: of truths among draws, as shares (truth,), by way and parameter.
    """
    table: dict[str, list[Any]] = {"way": [], "parameter": [], "rank": [], "excess": []}
    width = min(WIDE, SMALL * len(ranks))
    with drawing(width, 2.9, columns=len(ranks)) as (canvas, panels):
        for axes, (way, found) in zip(np.atleast_1d(panels), ranks.items(), strict=True):
            n = 1
            for number, (name, shares) in enumerate(found.items()):
                n = len(shares)
                place = np.sort(shares)
                excess = (np.arange(n) + 0.5) / n - place
                axes.plot(place, excess, color=PALETTE[number % len(PALETTE)], linewidth=1.3, label=shorten(name))
                table["way"] += [way] * n
                table["parameter"] += [name] * n
                table["rank"] += place.tolist()
                table["excess"] += excess.tolist()
            axes.axhspan(-_KS / np.sqrt(n), _KS / np.sqrt(n), color=MUTED, alpha=0.15, linewidth=0)
            axes.set_title(way)
            axes.set_xlabel("rank of the truth")
            axes.set_xlim(0, 1)
        np.atleast_1d(panels)[0].set_ylabel("share below, less that of even ranks")
        np.atleast_1d(panels)[-1].legend(fontsize=7, loc="best")
        return seal(
            canvas,
            name="calibration",
            title="Simulation-based calibration",
            table=table,
            caption="Ranks of simulated truths among the draws of their posteriors. Inside the band they are as even "
            "as those of a calibrated posterior are 95 times in 100.",
        )
