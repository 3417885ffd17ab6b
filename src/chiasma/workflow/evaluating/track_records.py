"""What is written of tracks along windows: metrics.json, tracks.tsv and compare.json, of one genome or several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import read_json, write_json, write_text
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import MARK
from chiasma.data.results import Estimate
from chiasma.data.tracks import Tracks
from chiasma.stats.bootstrap import interval
from chiasma.stats.track_scores import TrackScores
from chiasma.uncertainty.region_intervals import RegionIntervals
from chiasma.workflow.evaluating.track_intervals import SOURCE

TABLE = "tracks.tsv"
_SHOWN = 24
"""Tracks in the table of the report."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Scores on the test windows of one genome.

    Attributes:
        genome: its name; "" where there is one.
        dataset: its windows.
        index: of those of the test part (example,).
        scores: of the method and its rivals.
        intervals: of the method's predictions, or None.
        covered: share of the test part's bins that they hold (track,).
        reason: why there are none.
    """

    genome: str
    dataset: Dataset
    index: np.ndarray
    scores: dict[str, TrackScores]
    intervals: RegionIntervals | None
    covered: np.ndarray
    reason: str

    @property
    def unit(self) -> np.ndarray:
        """Resampling unit of each test window (example,)."""
        return self.dataset.unit[self.index]

    def mean(self, name: str) -> tuple[Estimate, np.ndarray]:
        """Mean correlation over tracks of the method or a rival with its interval, and that of each draw (draw,)."""
        return self.scores[name].mean(unit_name=self.dataset.unit_name)


def write_records(
    folder: Path, judged: list[Judged], *, method: str, seed: int, cost: dict[str, dict[str, Any]]
) -> None:
    """Write tracks.tsv, metrics.json and compare.json."""
    _write_table(folder / TABLE, track_table(judged, method))
    write_json(folder / "metrics.json", _document(judged, method, seed=seed))
    _write_comparison(folder, judged, method, cost)


def track_table(judged: list[Judged], method: str) -> dict[str, np.ndarray]:
    """Columns of tracks.tsv (track,); of several genomes the name of each stands before its tracks'."""
    tables = [_genome_table(found, method) for found in judged]
    names = [name for name in tables[0] if all(name in table for table in tables)]
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def _genome_table(found: Judged, method: str) -> dict[str, np.ndarray]:
    assert isinstance(found.dataset.x, Tracks)
    table, own = found.dataset.x.table, found.scores[method]
    columns: dict[str, np.ndarray] = {"track": _names(found), "description": table.description}
    for key in ("value", "low", "high"):
        columns["pearson" if key == "value" else key] = np.array([getattr(one, key) for one in own.pearson])
    columns["r2"] = own.r2
    if found.intervals is not None:
        columns["covered"] = found.covered
    rivals = {name: scores for name, scores in found.scores.items() if name != method}
    return columns | {
        f"pearson of {name}": np.array([one.value for one in scores.pearson]) for name, scores in rivals.items()
    }


def _names(found: Judged) -> np.ndarray:
    assert isinstance(found.dataset.x, Tracks)
    names = found.dataset.x.table.identifier
    return np.array([f"{found.genome}{MARK}{name}" if found.genome else name for name in names], dtype=object)


def _write_table(path: Path, table: dict[str, np.ndarray]) -> None:
    rows = ["\t".join(table)]
    for row in zip(*table.values(), strict=True):
        rows.append("\t".join(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    write_text(path, "\n".join(rows) + "\n")


def _overall(judged: list[Judged], name: str) -> tuple[Estimate, np.ndarray]:
    """Mean over genomes of the mean correlation over tracks, with its interval, and that of each draw (draw,)."""
    if len(judged) == 1:
        return judged[0].mean(name)
    means = [found.mean(name) for found in judged]
    several = all(len(drawn) for _, drawn in means)  # a genome with one unit has no draws
    drawn = np.mean([draws for _, draws in means], axis=0) if several else np.full(1, np.nan)
    value = float(np.mean([mean.value for mean, _ in means]))
    return Estimate(value, *interval(drawn), judged[0].dataset.unit_name), drawn


def _document(judged: list[Judged], method: str, *, seed: int) -> dict[str, Any]:
    from chiasma.stats.document import metrics_document

    unit_name = judged[0].dataset.unit_name
    figures = {name: _figures(judged, name) for name in judged[0].scores}
    still = [
        str(name) for found in judged for name, one in zip(_names(found), found.scores[method].pearson)
        if np.isnan(one.value)
    ]  # fmt: skip
    conditions: dict[str, Any] = {"seed": seed, "unit_name": unit_name, "n": sum(len(found.index) for found in judged)}
    conditions["figure"] = "correlation over the bins of all test windows, by track; the mean over tracks"
    if len(judged) > 1:
        conditions["figure"] += ", then over genomes"
    if still:
        conditions["tracks that do not vary in the test part, left out"] = {"n": len(still), "first": still[:3]}
    extra: dict[str, Any] = {"primary": "pearson", "conditions": conditions, "slices": _slices(judged, method)}
    extra["by_track"] = _by_track(judged, method)
    if len(judged) > 1:
        extra["genomes"] = {found.genome: _genome(found, method) for found in judged}
    extra["conformal"] = _conformal(judged)
    rivals = {name: found for name, found in figures.items() if name != method}
    return metrics_document(figures[method], rivals, extra=extra)


def _conformal(judged: list[Judged]) -> dict[str, Any]:
    """How often intervals hold the bins of the test part, or why there are none."""
    made = [found for found in judged if found.intervals is not None]
    if not made:
        return {"reason": "; ".join(dict.fromkeys(found.reason for found in judged))}
    known = np.concatenate([found.covered for found in made])
    first = made[0].intervals
    assert first is not None
    record: dict[str, Any] = {"alpha": first.alpha_, "coverage": float(known.mean()), "source": SOURCE}
    record["of"] = "a bin of a window of a region not seen"
    least, most = (float(value) for value in np.quantile(known, (0.05, 0.95)))
    record["coverage of tracks"] = f"{least:.1%} to {most:.1%} (5th and 95th percentile of {len(known):,} tracks)"
    record["regions"] = ", ".join(
        f"{found.genome} {found.intervals.regions_}".strip() for found in made if found.intervals is not None
    )
    if len(made) < len(judged):
        record["without intervals"] = "; ".join(f"{one.genome}: {one.reason}" for one in judged if one not in made)
    return record


def _figures(judged: list[Judged], name: str) -> dict[str, Estimate]:
    r2 = float(np.mean([found.scores[name].mean_r2() for found in judged]))
    return {"pearson": _overall(judged, name)[0], "r2": Estimate(r2, unit=judged[0].dataset.unit_name)}


def _genome(found: Judged, method: str) -> dict[str, Any]:
    """What metrics.json has at its top, of one genome of several."""
    figures = {name: {key: one.to_dict() for key, one in _figures([found], name).items()} for name in found.scores}
    rivals = {name: one for name, one in figures.items() if name != method}
    counts = {"tracks": found.dataset.target.n_outputs, "n": len(found.index), "units": len(np.unique(found.unit))}
    return {**counts, "test": figures[method], "baselines": rivals}


def _by_track(judged: list[Judged], method: str) -> list[dict[str, Any]]:
    """Rows for the report: of several genomes the mean of each; then every track, or some evenly from the best to the
    poorest of each genome. tracks.tsv has all.
    """
    rows = []
    if len(judged) > 1:
        for found in judged:
            told = f"mean over {found.dataset.target.n_outputs:,} tracks"
            means = {name: found.mean(name)[0].to_dict() for name in found.scores}
            rows.append({"track": found.genome, "description": told, **means})
    for found in judged:
        assert isinstance(found.dataset.x, Tracks)
        own = found.scores[method].pearson
        order = np.argsort([-np.nan_to_num(one.value, nan=-2) for one in own], kind="stable")
        if len(order) > (most := _SHOWN // len(judged)):
            order = order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))]
        names, told_of = _names(found), found.dataset.x.table.description
        for track in order:
            scores = {name: one.pearson[track].to_dict() for name, one in found.scores.items()}
            rows.append({"track": str(names[track]), "description": str(told_of[track]), **scores})
    return rows


def _slices(judged: list[Judged], method: str) -> list[dict[str, Any]]:
    """Mean correlation of each genome's tracks, and of the tracks of each assay, as slices of metrics.json."""
    rows = []
    for found in judged:
        facts = {"n": len(found.index), "units": len(np.unique(found.unit)), "note": ""}
        if len(judged) > 1:
            value = f"{found.genome} ({found.dataset.target.n_outputs} tracks)"
            rows.append({"slice": "genome", "value": value, **facts, "pearson": found.mean(method)[0].to_dict()})
        rows += _by_assay(found, method, facts)
    return rows


def _by_assay(found: Judged, method: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    assert isinstance(found.dataset.x, Tracks)
    assay = found.dataset.x.table.assay.astype(str)
    names = [name for name in dict.fromkeys(assay) if name]
    if len(names) < 2:
        return []
    rows = []
    for name in names:
        members = np.flatnonzero(assay == name)
        mean, _ = found.scores[method].mean(members, unit_name=found.dataset.unit_name)
        value = f"{found.genome} {name} ({len(members)} tracks)".strip()
        rows.append({"slice": "assay", "value": value, **facts, "pearson": mean.to_dict()})
    return rows


def _write_comparison(folder: Path, judged: list[Judged], method: str, cost: dict[str, dict[str, Any]]) -> None:
    from chiasma.stats.compare import against_best, pairs_of_draws, verdict

    own = read_json(folder / "cost.json") if (folder / "cost.json").exists() else {}
    record: dict[str, Any] = {"method": method, "cost": {method: own, **cost}, "primary": "pearson"}
    rivals = [name for name in judged[0].scores if name != method]
    names = [method, *rivals]
    if rivals:
        means = [_overall(judged, name) for name in names]
        whole, table = np.array([mean.value for mean, _ in means]), np.array([drawn for _, drawn in means])
        unit = np.unique([f"{found.genome} {one}" for found in judged for one in found.unit], return_inverse=True)[1]
        unit_name = judged[0].dataset.unit_name
        pairs = pairs_of_draws(names, whole, table, unit, metric="pearson", unit_name=unit_name)
        best = against_best(pairs, method, rivals)
        head, *limits = [part if part.endswith(".") else part + "." for part in
                         verdict(pairs, network=method, rivals=rivals).split(". ")]  # fmt: skip
        record |= {"best_rival": best.b, "difference": {**best.difference.to_dict(), "p": best.p}, "verdict": head}
        record |= {"may_not_claim": limits, "pairs": [pair.to_dict() for pair in pairs]}
    else:
        record |= {"verdict": "No simple rival was fitted, so nothing can be said of an advantage.", "pairs": []}
    write_json(folder / "compare.json", record)
