"""Intervals along called chromosomes that a method draws: as a table or BED, with a page."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import read_json
from chiasma.data.dataset import Dataset, Skip
from chiasma.data.intervals import make_intervals
from chiasma.data.results import Figure
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import column_statistics, paint
from chiasma.metrics.localisation import best_interval, called_intervals
from chiasma.workflow.evaluating.located import tempered
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.loading.painted import file_of, load_called, window_source
from chiasma.workflow.predicting.predictions import write_table

_DRAWN = 12
"""Windows on the page at most, those of the highest scores."""
_LEAST_CALLED = 0.5
"""Share of haplotypes called around an interval's middle below which it is left out."""
_FAR = 0.1
"""Difference of a source's share from those of the simulations that is told."""


@dataclass(frozen=True)
class Found:
    """One interval on a chromosome: 0-based, half-open bases."""

    contig: str
    source: str
    start: int
    end: int
    score: float
    share: float


def predict_located(
    model: Any, fitted: Fitted, inputs: Mapping[str, Any], *, output: Path | str | None, device: str, seed: int
) -> tuple[dict[str, np.ndarray], tuple[Skip, ...]]:
    """Read calls, draw intervals window by window, and write those that reach the threshold.

    Args:
        model: as it was named, for the simulations that its folder keeps.
        fitted: the same, loaded.
        inputs: of predict.
        output: where to write; beside it go STEM.painted.html and the gate's files. None writes nothing.
        device, seed: of predict.

    Returns:
        Columns id, source, share_of_source, p_selected by interval, and what was left out.
    """
    given = {key: value for key, value in inputs.items() if value is not None}
    data = load_called(file_of(given), fitted.config, given, target=fitted.target, seed=seed)
    _say(f"{data.notes['haplotypes']}; {len(data):,} windows, each painted by one source")
    scores = tempered(fitted, fitted.scores(data, device=device))
    config: Any = fitted.config
    shares, usual = _shares(config, data), _usual_share(model, config)
    remarks = _remarks(config, shares, usual)
    for remark in remarks:
        _say(remark)
    likest = min(shares, key=lambda name: abs(shares[name] - usual))
    _gate(model, fitted, data, scores, {**given, "painted": likest}, output=output, seed=seed)
    found, uncalled = _intervals(config, data, scores)
    skips = list(data.skips)
    if uncalled:
        skips.append(Skip("intervals where fewer than half of the haplotypes are called", uncalled))
    _say(_summary(config, data, scores, found))
    columns = {
        "id": np.array([f"{one.contig}:{one.start}-{one.end}|{one.source}" for one in found], object),
        "source": np.array([one.source for one in found], object),
        "share_of_source": np.array([one.share for one in found], np.float64),
        "p_selected": np.array([one.score for one in found], np.float64),
    }
    if output is not None:
        starts, ends = (np.array([getattr(one, side) for one in found], np.int64) for side in ("start", "end"))
        places = make_intervals([one.contig for one in found], starts, ends)
        write_table(output, columns, intervals=places)
        _write_page(Path(output), fitted, data, scores, found, [*remarks, *map(str, skips)])
    return columns, tuple(skips)


def _remarks(config: Any, shares: Mapping[str, float], usual: float) -> list[str]:
    """What limits the scores: no simulation without selection, a source with another share than the simulated one."""
    found = []
    if not config.neutral:
        found.append(
            "every simulated chromosome had a selected site: a score says where it lies if there is one (see --neutral)"
        )
    low, high = sorted((config.share, usual))  # of the founders, and of the simulated samples
    for name, share in shares.items():
        if not low - _FAR <= share <= high + _FAR:
            found.append(
                f"{name} makes up {share:.0%} of these haplotypes, the painted source of the simulations came with "
                f"{config.share:.0%} and made up {usual:.0%}: what is said of {name} may not hold; fit with --share"
            )
    return found


def _shares(config: Any, data: Dataset) -> dict[str, float]:
    """Share of what is called that is of each source that was painted, over all windows."""
    found: dict[str, list[float]] = {}
    for index, name in enumerate(data.columns["source"]):
        found.setdefault(str(name), []).append(float(np.nanmean(_statistics(data, index, config).share)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _usual_share(model: Any, config: Any) -> float:
    """Mean share of the painted source in the simulations that the model's folder keeps, else among the founders."""
    from chiasma.workflow.fitting.simulations_kept import kept_simulations

    kept = kept_simulations(Path(model)) if isinstance(model, (str, Path)) else None
    return float(np.nanmean(kept.values[:, 0])) if kept is not None else float(config.share)


def _gate(
    model: Any, fitted: Fitted, data: Dataset, scores: np.ndarray, inputs: dict[str, Any], *, output: Any, seed: int
) -> None:
    """Whether windows painted by one source look like the simulations, and the best intervals' scores survive that.

    `inputs` are those of predict and, as `painted`, the source. A model in memory has no folder that would keep
    simulations.
    """
    from chiasma.workflow.predicting.gate import pass_gate

    if not isinstance(model, (str, Path)):
        return
    rows = np.flatnonzero(data.columns["source"] == inputs["painted"])
    best = np.array([best_interval(scores[row]).score for row in rows])
    both = np.column_stack([1 - best, best])
    pass_gate(model, fitted, data.take(rows), both, inputs=inputs, output=output, seed=seed)


def _intervals(config: Any, data: Dataset, scores: np.ndarray) -> tuple[list[Found], int]:
    """Called intervals on the chromosomes, those of one source that overlap made one; how many lie where none call."""
    source, found, uncalled = window_source(data), [], 0
    base = config.length / config.columns
    for index, window in enumerate(source.windows):
        called = source.chromosomes[window.chromosome]
        rule = source.rules[window.chromosome]
        runs = called_intervals(scores[index], config.threshold)
        if not runs:
            continue
        seen = _statistics(data, index, config)
        for run in runs:
            middle = window.left + run.middle * base
            if not window.own[0] <= middle < window.own[1]:
                continue
            columns = slice(run.first, run.last)
            if seen.called[columns].mean() < _LEAST_CALLED:
                uncalled += 1
                continue
            ends = [rule.to_bases(min(window.left + side * base, called.tracts.length)) for side in run[:2]]
            name = called.tracts.populations[window.source]
            share = float(np.nanmean(seen.share[columns]))
            found.append(Found(called.contig, name, int(ends[0]), int(np.ceil(ends[1])), run.score, share))
    return _merged(found), uncalled


def _merged(found: list[Found]) -> list[Found]:
    """Overlapping intervals of one source as one, with the higher score, in order of contig and place."""
    kept: list[Found] = []
    contigs = list(dict.fromkeys(one.contig for one in found))
    for one in sorted(found, key=lambda one: (contigs.index(one.contig), one.source, one.start)):
        last = kept[-1] if kept else None
        if last and (last.contig, last.source) == (one.contig, one.source) and one.start < last.end:
            best = max(last, one, key=lambda each: each.score)
            kept[-1] = Found(one.contig, one.source, last.start, max(last.end, one.end), best.score, best.share)
        else:
            kept.append(one)
    return sorted(kept, key=lambda one: (contigs.index(one.contig), one.start, one.source))


def _statistics(data: Dataset, index: int, config: Any) -> Any:
    example: Any = data.x[index]  # type: ignore[index]
    return column_statistics(Tracts.unpacked(example), source=int(example["painted"]), columns=config.columns)


def _summary(config: Any, data: Dataset, scores: np.ndarray, found: list[Found]) -> str:
    if found:
        best = max(found, key=lambda one: one.score)
        place = f"{best.score:.2f} at {best.contig}:{best.start + 1:,}-{best.end:,}, painted by {best.source}"
        return f"{len(found):,} intervals score {config.threshold:g} or more; the highest score is {place}"
    row = int(np.argmax(scores.max(axis=1)))
    highest = f"{scores[row].max():.2f} in {data.ids[row]}"
    if scores.max() < config.threshold:
        return f"no interval scores {config.threshold:g} or more; the highest score is {highest}"
    return f"no interval counts: the highest score, {highest}, lies nearer to another window's middle, or is not called"


def _write_page(
    path: Path, fitted: Fitted, data: Dataset, scores: np.ndarray, found: list[Found], remarks: list[str]
) -> None:
    from chiasma import __version__
    from chiasma.report.painted import write_painted_page

    config: Any = fitted.config
    gate = path.with_name(f"{path.stem}.gate.json")
    settings = {
        "method": f"{fitted.method.name}, {config.network}",
        "haplotypes": data.notes["haplotypes"],
        "windows": f"{len(data):,} of {config.length / 1e6:g} Mb, {config.columns} columns, each painted by one source",
        "simulated": f"one pulse {config.generations} generations ago, {config.share:g} of one source, s up to "
        f"{config.strongest:g}, {config.neutral:.0%} without selection",
        "an interval is called from": f"score {config.threshold:g}",
    }
    facts = {
        "windows": len(data),
        "found": len(found),
        "neutral": config.neutral > 0,
        "skipped": remarks,
        "gate": read_json(gate).get("text", "") if gate.exists() else "",
        "settings": settings,
    }
    write_painted_page(
        path.with_name(f"{path.stem}.painted.html"),
        facts,
        intervals=[vars(one) for one in found],
        figures=_figures(config, data, scores),
        version=__version__,
    )


def _figures(config: Any, data: Dataset, scores: np.ndarray) -> list[Figure]:
    from chiasma.plot.painted import painted_chromosome

    source = window_source(data)
    order = np.argsort(-scores.max(axis=1), kind="stable")[:_DRAWN]
    drawn = []
    for number, index in enumerate(order, start=1):
        example: Any = data.x[int(index)]  # type: ignore[index]
        window = source.windows[int(index)]
        mapped = len(source.rules[window.chromosome].scaled) > 2
        figure = painted_chromosome(
            paint(Tracts.unpacked(example), source=window.source, columns=config.columns),
            scores[index],
            length=config.length,
            threshold=config.threshold,
            start=window.left + (0.0 if mapped else source.rules[window.chromosome].bases[0]),
            name=f"painted_window_{number}",
            title=f"{data.ids[index]}" + (" (on the scale of the map)" if mapped else ""),
        )
        drawn.append(figure)
    return drawn


def _say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)
