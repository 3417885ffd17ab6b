"""Evaluation of tracks along windows: correlation of each with intervals beside the rivals, arrays of predictions."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import RunError
from chiasma.core.files import read_json, write_json
from chiasma.data.dataset import Dataset
from chiasma.data.results import Estimate
from chiasma.data.tracks import Tracks
from chiasma.rivals.base import Rival
from chiasma.stats.track_scores import TrackScores, UnitMoments, UnitSums, score_tracks
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part

ARRAY = "predictions.npy"
TABLE = "tracks.tsv"
_SHOWN = 24
"""Tracks in the table of the report."""
_BINS = 1 << 22
"""Numbers of a prediction that are held at a time."""


def evaluate_tracks(fitted: Fitted, prepared: Prepared, options: FitOptions, *, card_rival: str, folder: Path) -> None:
    """Write predictions, tracks.tsv, metrics.json, compare.json and figures of the test part.

    Args:
        fitted: the model.
        prepared: data and split.
        options: seed, draws, device, whether to fit rivals.
        card_rival: the rival on the method's card.
        folder: the run folder. `predictions.npy` is float16 (window, bin, track), `predictions.parquet` its windows.
    """
    from chiasma.plot.style import save_figure
    from chiasma.plot.tracks import track_bars, window_tracks

    index = prepared.split.where("test")
    unit, unit_name = prepared.dataset.unit[index], prepared.dataset.unit_name
    fitted.save(folder)
    predictors: dict[str, Any] = {fitted.method.name: partial(fitted.scores, device=options.device)}
    rivals, cost = _fit_rivals(prepared, options, card_rival=card_rival) if options.rivals else ([], {})
    predictors |= {rival.name: rival.predict for rival in rivals}
    sums = _measure(prepared.dataset, index, predictors, folder=folder, first=fitted.method.name)
    common: dict[str, Any] = {"unit_name": unit_name, "seed": options.seed, "draws": options.draws}
    scores = {name: score_tracks(found, unit, **common) for name, found in sums.items()}
    table = _table(prepared.dataset, scores, fitted.method.name)
    _write_table(folder / TABLE, table)
    _write_windows(folder, prepared, index)
    write_json(folder / "metrics.json", _document(fitted, prepared, scores, options, unit))
    _write_comparison(fitted.method.name, scores, unit, unit_name, cost, folder=folder)
    save_figure(folder / "figures", track_bars(table, method=fitted.method.name, rivals=[one.name for one in rivals]))
    save_figure(folder / "figures", window_tracks(*_strongest(prepared.dataset, index, folder, table)))


def chunks(data: Dataset, index: np.ndarray) -> Iterator[tuple[int, Dataset]]:
    """Some windows at a time, with how many came before."""
    assert isinstance(data.x, Tracks)
    size = max(1, _BINS // (data.x.bins * max(data.target.n_outputs, 1)))
    for start in range(0, len(index), size):
        yield start, data.take(index[start : start + size])


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
    dataset: Dataset, index: np.ndarray, predictors: dict[str, Any], *, folder: Path, first: str
) -> dict[str, UnitSums]:
    """Sums of every predictor on the test windows; the values of the first go to disk as they come."""
    unit = dataset.unit[index]
    centre = np.mean([np.asarray(dataset.target.values[row], np.float64).mean(axis=0) for row in index[:64]], axis=0)
    moments = {name: UnitMoments(unit, centre) for name in predictors}
    shape = (len(index), *dataset.target.values.shape[1:])
    draft = folder / (ARRAY + ".partial")
    kept = np.lib.format.open_memmap(draft, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
    for start, part in chunks(dataset, index):
        for name, predict in predictors.items():
            values = predict(part)
            if not np.isfinite(values).all():
                raise RunError("predictions are not numbers", where=name, do="train with a smaller learning rate")
            moments[name].add(start, part.target.values, values)
            if name == first:
                kept[start : start + len(values)] = values
    kept.flush()
    del kept
    draft.replace(folder / ARRAY)
    return {name: found.sums() for name, found in moments.items()}


def _table(dataset: Dataset, scores: dict[str, TrackScores], method: str) -> dict[str, np.ndarray]:
    """One row a track: what it is, its correlation with interval, and that of each rival."""
    assert isinstance(dataset.x, Tracks)
    table, own = dataset.x.table, scores[method]
    columns: dict[str, np.ndarray] = {"track": table.identifier, "description": table.description}
    for key in ("value", "low", "high"):
        columns["pearson" if key == "value" else key] = np.array([getattr(one, key) for one in own.pearson])
    columns["r2"] = own.r2
    rivals = {name: np.array([one.value for one in found.pearson]) for name, found in scores.items() if name != method}
    return columns | {f"pearson of {name}": values for name, values in rivals.items()}


def _write_table(path: Path, table: dict[str, np.ndarray]) -> None:
    from chiasma.core.files import write_text

    rows = ["\t".join(table)]
    for row in zip(*table.values(), strict=True):
        rows.append("\t".join(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    write_text(path, "\n".join(rows) + "\n")


def _write_windows(folder: Path, prepared: Prepared, index: np.ndarray) -> None:
    """predictions.parquet: the window of each row of the array; the values themselves are in predictions.npy."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    dataset = prepared.dataset
    columns: dict[str, Any] = {"id": dataset.ids[index].astype(str), "row": np.arange(len(index))}
    columns["part"] = prepared.split.part[index].astype(str)
    columns["unit"] = dataset.unit[index]
    for name in ("chrom", "start", "end"):
        if name in dataset.columns:
            values = dataset.columns[name][index]
            columns[name] = values.astype(str) if name == "chrom" else values
    with atomic_write(folder / "predictions.parquet", "wb") as handle:
        pq.write_table(pa.table(columns), handle)


def _document(
    fitted: Fitted, prepared: Prepared, scores: dict[str, TrackScores], options: FitOptions, unit: np.ndarray
) -> dict[str, Any]:
    from chiasma.stats.document import metrics_document

    dataset, method = prepared.dataset, fitted.method.name
    figures = {name: _figures(found, dataset.unit_name) for name, found in scores.items()}
    own = scores[method]
    still = [name for name, one in zip(dataset.target.names, own.pearson) if np.isnan(one.value)]
    conditions: dict[str, Any] = {"seed": options.seed, "unit_name": dataset.unit_name, "n": len(unit)}
    conditions["figure"] = "correlation over the bins of all test windows, by track; the mean over tracks"
    if still:
        conditions["tracks that do not vary in the test part, left out"] = {"n": len(still), "first": still[:3]}
    extra = {"primary": "pearson", "conditions": conditions, "slices": _by_assay(dataset, own, unit)}
    extra["by_track"] = _by_track(dataset, scores, method)
    extra["conformal"] = {"reason": "sets for bins along a window are not made"}
    rivals = {name: found for name, found in figures.items() if name != method}
    return metrics_document(figures[method], rivals, extra=extra)


def _figures(found: TrackScores, unit_name: str) -> dict[str, Estimate]:
    return {"pearson": found.mean(unit_name=unit_name)[0], "r2": Estimate(found.mean_r2(), unit=unit_name)}


def _by_track(dataset: Dataset, scores: dict[str, TrackScores], method: str) -> list[dict[str, Any]]:
    """Rows for the report: every track, or some evenly from the best to the poorest; tracks.tsv has all."""
    assert isinstance(dataset.x, Tracks)
    table, own = dataset.x.table, scores[method].pearson
    order = np.argsort([-np.nan_to_num(one.value, nan=-2) for one in own], kind="stable")
    if len(order) > _SHOWN:
        order = order[np.unique(np.linspace(0, len(order) - 1, _SHOWN).round().astype(int))]
    return [
        {
            "track": str(table.identifier[track]),
            "description": str(table.description[track]),
            **{name: found.pearson[track].to_dict() for name, found in scores.items()},
        }
        for track in order
    ]


def _by_assay(dataset: Dataset, found: TrackScores, unit: np.ndarray) -> list[dict[str, Any]]:
    """Mean correlation of the tracks of each assay, as slices of metrics.json."""
    assert isinstance(dataset.x, Tracks)
    assay = dataset.x.table.assay.astype(str)
    names = [name for name in dict.fromkeys(assay) if name]
    if len(names) < 2:
        return []
    rows = []
    for name in names:
        members = np.flatnonzero(assay == name)
        mean, _ = found.mean(members, unit_name=dataset.unit_name)
        value = f"{name} ({len(members)} tracks)"
        row = {"slice": "assay", "value": value, "n": len(unit), "units": len(np.unique(unit)), "note": ""}
        rows.append({**row, "pearson": mean.to_dict()})
    return rows


def _write_comparison(
    method: str,
    scores: dict[str, TrackScores],
    unit: np.ndarray,
    unit_name: str,
    cost: dict[str, dict[str, Any]],
    *,
    folder: Path,
) -> None:
    from chiasma.stats.compare import against_best, pairs_of_draws, verdict

    own = read_json(folder / "cost.json") if (folder / "cost.json").exists() else {}
    record: dict[str, Any] = {"method": method, "cost": {method: own, **cost}, "primary": "pearson"}
    rivals = [name for name in scores if name != method]
    names = [method, *rivals]
    if rivals:
        means = [scores[name].mean(unit_name=unit_name) for name in names]
        whole, table = np.array([mean.value for mean, _ in means]), np.array([drawn for _, drawn in means])
        pairs = pairs_of_draws(names, whole, table, unit, metric="pearson", unit_name=unit_name)
        best = against_best(pairs, method, rivals)
        head, *limits = [part if part.endswith(".") else part + "." for part in
                         verdict(pairs, network=method, rivals=rivals).split(". ")]  # fmt: skip
        record |= {"best_rival": best.b, "difference": {**best.difference.to_dict(), "p": best.p}, "verdict": head}
        record |= {"may_not_claim": limits, "pairs": [pair.to_dict() for pair in pairs]}
    else:
        record |= {"verdict": "No simple rival was fitted, so nothing can be said of an advantage.", "pairs": []}
    write_json(folder / "compare.json", record)


def _strongest(
    dataset: Dataset, index: np.ndarray, folder: Path, table: dict[str, np.ndarray]
) -> tuple[str, dict[str, tuple[np.ndarray, np.ndarray]], int]:
    """The test window with the highest bin, and measured and predicted values of the best, a middling, a poor track."""
    assert isinstance(dataset.x, Tracks)
    order = np.argsort(-np.nan_to_num(table["pearson"], nan=-2), kind="stable")
    order = order[: max(1, int((~np.isnan(table["pearson"])).sum()))]
    chosen = dict.fromkeys([int(order[0]), int(order[len(order) // 2]), int(order[-1])])
    best = int(order[0])
    peaks = [float(np.asarray(dataset.target.values[row, :, best], np.float32).max()) for row in index]
    row = int(np.argmax(peaks))
    found = np.load(folder / ARRAY, mmap_mode="r")[row]
    name = str(dataset.ids[index[row]])
    shown = {
        str(table["track"][track]): (
            np.asarray(dataset.target.values[index[row], :, track], np.float64),
            np.asarray(found[:, track], np.float64),
        )
        for track in chosen
    }
    return name, shown, dataset.x.bin
