"""Evaluation of tracks along windows: correlation of each with intervals beside the rivals, arrays of predictions."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import RunError
from chiasma.core.rng import derive_seed
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import Genomes
from chiasma.data.split import Split
from chiasma.data.tracks import Tracks
from chiasma.rivals.base import Rival
from chiasma.stats.track_scores import UnitMoments, UnitSums, score_tracks
from chiasma.uncertainty.region_intervals import RegionIntervals
from chiasma.workflow.evaluating.track_intervals import INTERVALS, track_intervals
from chiasma.workflow.evaluating.track_records import Judged, track_table, write_records
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part

_BINS = 1 << 22
"""Numbers of a prediction that are held at a time."""


def evaluate_tracks(fitted: Fitted, prepared: Prepared, options: FitOptions, *, card_rival: str, folder: Path) -> None:
    """Write predictions, tracks.tsv, metrics.json, compare.json and figures of the test part.

    Of several genomes each is judged by itself, with rivals of its own; where one figure is asked for it is the mean
    over genomes.

    Args:
        fitted: the model.
        prepared: data and split.
        options: seed, draws, device, whether to fit rivals.
        card_rival: the rival on the method's card.
        folder: the run folder. `predictions.npy` (of several genomes `predictions_GENOME.npy`) is float16
            (window, bin, track), `predictions.parquet` its windows.
    """
    from chiasma.plot.style import save_figure
    from chiasma.plot.tracks import track_bars, window_tracks

    method = fitted.method.name
    cost: dict[str, dict[str, Any]] = {}
    judged = []
    for name, one, part in _genomes(fitted, prepared):
        found, spent = _judge(one, part, genome=name, options=options, card_rival=card_rival, folder=folder)
        judged.append(found)
        if found.intervals is not None:
            fitted.meta.setdefault(INTERVALS, {})[name] = found.intervals.to_dict()
        for rival, seconds in spent.items():
            before = cost.get(rival, {})
            cost[rival] = {**seconds, **{key: before.get(key, 0) + seconds[key] for key in ("cpu_seconds", "seconds")}}
    fitted.save(folder)
    _write_windows(folder, judged)
    write_records(folder, judged, method=method, seed=options.seed, cost=cost)
    rivals = [rival for rival in judged[0].scores if rival != method]
    save_figure(folder / "figures", track_bars(track_table(judged, method), method=method, rivals=rivals))
    for found in judged:
        figure = window_tracks(*_strongest(found, method, folder))
        name = f"{figure.name}_{found.genome}" if found.genome else figure.name
        save_figure(folder / "figures", replace(figure, name=name))


def array_name(genome: str) -> str:
    """File of the predictions of a genome's windows; "" where there is one genome."""
    return f"predictions_{genome}.npy" if genome else "predictions.npy"


def chunks(data: Dataset, index: np.ndarray) -> Iterator[tuple[int, Dataset]]:
    """Some windows at a time, with how many came before."""
    assert isinstance(data.x, Tracks)
    size = max(1, _BINS // (data.x.bins * max(data.target.n_outputs, 1)))
    for start in range(0, len(index), size):
        yield start, data.take(index[start : start + size])


def _genomes(fitted: Fitted, prepared: Prepared) -> Iterator[tuple[str, Fitted, Prepared]]:
    """Name, model with one head, windows and parts of each genome; of one genome "" and what was given."""
    data, split = prepared.dataset, prepared.split
    if not isinstance(data.x, Genomes):
        yield "", fitted, prepared
        return
    for name in data.x.names:
        index, member = data.x.where(name), data.x.of(name)
        alone = replace(member, unit=data.unit[index], unit_name=data.unit_name)
        yield name, fitted.head(name), Prepared(alone, Split(split.kind, member.ids, split.part[index]))


def _judge(
    fitted: Fitted, prepared: Prepared, *, genome: str, options: FitOptions, card_rival: str, folder: Path
) -> tuple[Judged, dict[str, dict[str, Any]]]:
    """Scores of the method and its rivals on a genome's test windows, and what the rivals cost."""
    index, dataset = prepared.split.where("test"), prepared.dataset
    predictors: dict[str, Any] = {fitted.method.name: partial(fitted.scores, device=options.device)}
    rivals, cost = _fit_rivals(prepared, options, card_rival=card_rival) if options.rivals else ([], {})
    predictors |= {rival.name: rival.predict for rival in rivals}
    made, reason = track_intervals(fitted, prepared, options)
    path = folder / array_name(genome)
    sums, covered = _measure(dataset, index, predictors, path=path, first=fitted.method.name, intervals=made)
    seed = derive_seed(options.seed, genome) if genome else options.seed
    common: dict[str, Any] = {"unit_name": dataset.unit_name, "seed": seed, "draws": options.draws}
    scores = {name: score_tracks(found, dataset.unit[index], **common) for name, found in sums.items()}
    return Judged(genome, dataset, index, scores, made, covered, reason), cost


def _fit_rivals(
    prepared: Prepared, options: FitOptions, *, card_rival: str
) -> tuple[list[Rival], dict[str, dict[str, Any]]]:
    from chiasma.rivals.choose import rivals_for

    part = prepared.dataset.take(training_part(prepared))
    rivals, cost = rivals_for(part, card_rival=card_rival), {}
    for rival in rivals:
        start, wall = time.process_time(), time.perf_counter()
        rival.fit(part, seed=options.seed)
        seconds = time.perf_counter() - wall
        cost[rival.name] = {"cpu_seconds": time.process_time() - start, "seconds": seconds, "parameters": None}
        print(f"rival {rival.name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return rivals, cost


def _measure(
    dataset: Dataset,
    index: np.ndarray,
    predictors: dict[str, Any],
    *,
    path: Path,
    first: str,
    intervals: RegionIntervals | None,
) -> tuple[dict[str, UnitSums], np.ndarray]:
    """Sums of every predictor on the test windows, and the share of bins that the intervals of the first hold (track,).

    The values of the first go to disk as they come.
    """
    unit = dataset.unit[index]
    centre = np.mean([np.asarray(dataset.target.values[row], np.float64).mean(axis=0) for row in index[:64]], axis=0)
    moments = {name: UnitMoments(unit, centre) for name in predictors}
    shape = (len(index), *dataset.target.values.shape[1:])
    draft = path.with_name(path.name + ".partial")
    kept = np.lib.format.open_memmap(draft, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
    held = np.zeros(shape[2])
    for start, part in chunks(dataset, index):
        for name, predict in predictors.items():
            values = predict(part)
            if not np.isfinite(values).all():
                raise RunError("predictions are not numbers", where=name, do="train with a smaller learning rate")
            moments[name].add(start, part.target.values, values)
            if name == first:
                kept[start : start + len(values)] = values
                if intervals is not None:
                    low, high = intervals.intervals(values)
                    truth = np.asarray(part.target.values)
                    held += ((truth >= low) & (truth <= high)).mean(axis=1).sum(axis=0)
    kept.flush()
    del kept
    draft.replace(path)
    return {name: found.sums() for name, found in moments.items()}, held / len(index)


def _write_windows(folder: Path, judged: list[Judged]) -> None:
    """predictions.parquet: the window of each row of the arrays; the values themselves are in predictions*.npy."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    tables = []
    for found in judged:
        dataset, index = found.dataset, found.index
        columns: dict[str, Any] = {"id": dataset.ids[index].astype(str), "row": np.arange(len(index))}
        if found.genome:
            columns = {"genome": np.full(len(index), found.genome), **columns}
        columns["part"] = np.full(len(index), "test")
        columns["unit"] = dataset.unit[index]
        for name in ("chrom", "start", "end"):
            if name in dataset.columns:
                values = dataset.columns[name][index]
                columns[name] = values.astype(str) if name == "chrom" else values
        tables.append(pa.table(columns))
    with atomic_write(folder / "predictions.parquet", "wb") as handle:
        pq.write_table(pa.concat_tables(tables, promote_options="default"), handle)


def _strongest(found: Judged, method: str, folder: Path) -> tuple[str, dict[str, tuple[np.ndarray, np.ndarray]], int]:
    """The test window with the highest bin, and measured and predicted values of the best, a middling, a poor track."""
    dataset, index = found.dataset, found.index
    assert isinstance(dataset.x, Tracks)
    pearson = np.array([one.value for one in found.scores[method].pearson])
    order = np.argsort(-np.nan_to_num(pearson, nan=-2), kind="stable")
    order = order[: max(1, int((~np.isnan(pearson)).sum()))]
    chosen = dict.fromkeys([int(order[0]), int(order[len(order) // 2]), int(order[-1])])
    best = int(order[0])
    peaks = [float(np.asarray(dataset.target.values[row, :, best], np.float32).max()) for row in index]
    row = int(np.argmax(peaks))
    predicted = np.load(folder / array_name(found.genome), mmap_mode="r")[row]
    name = str(dataset.ids[index[row]])
    shown = {
        str(dataset.x.table.identifier[track]): (
            np.asarray(dataset.target.values[index[row], :, track], np.float64),
            np.asarray(predicted[:, track], np.float64),
        )
        for track in chosen
    }
    return f"{found.genome} {name}" if found.genome else name, shown, dataset.x.bin
