"""Networks that give tracks along windows, compared on the bins of a genome that all of them hold out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InputError, InsufficientDataError, MismatchError, UsageError, list_some
from chiasma.core.files import read_json, write_text
from chiasma.data.dataset import Dataset
from chiasma.data.intervals import Intervals
from chiasma.data.split import Split
from chiasma.data.tracks import Tracks
from chiasma.encode.track_windows import join_bins
from chiasma.stats.bootstrap import interval
from chiasma.stats.compare import Pair, pairs_of_draws
from chiasma.stats.track_scores import TrackScores, UnitMoments, UnitSums, score_tracks
from chiasma.workflow.evaluating.tracks import array_name
from chiasma.workflow.fitting.fit import Job, carry_out
from chiasma.workflow.loading.prepare import Prepared, prepare, training_part

HELD_OUT = "test_windows.txt"
"""Ends the names of files that say which windows of a network overlap the test part of the first."""
_TRACKS = 64
"""Tracks whose bins are held at a time."""
_CONTIG = 1 << 40
"""More than the bases of any contig."""


@dataclass(frozen=True, eq=False)
class _Side:
    """One network's test windows, cut into cells: the bins on which all are compared.

    Attributes:
        name: of the run.
        run: its folder.
        prepared: its windows and how they were divided.
        index: of the test windows (window,).
        unit: resampling unit of each of these (window,).
        keys: contig and place of the cells that these windows hold whole, ascending (cell,).
        bins: for each cell its bins, numbered over all test windows (cell, bin of the cell).
    """

    name: str
    run: Path
    prepared: Prepared
    index: np.ndarray
    unit: np.ndarray
    keys: np.ndarray
    bins: np.ndarray

    @property
    def dataset(self) -> Dataset:
        """All its windows."""
        return self.prepared.dataset

    def cells(self, values: Any, common: np.ndarray, tracks: slice) -> np.ndarray:
        """Values (test window, bin, track) of some tracks, joined to the common cells (cell, track), float64."""
        x = _tracks(self.dataset)
        flat = np.asarray(values[:, :, tracks], np.float64).reshape(len(self.index) * x.bins, -1)
        chosen = flat[self.bins[np.searchsorted(self.keys, common)]]
        table = x.table.take(np.arange(len(x.table))[tracks])
        rows = chosen.reshape(1, -1, chosen.shape[-1])
        return np.asarray(join_bins(rows, self.bins.shape[1], table)[0], np.float64)

    def units(self, common: np.ndarray) -> np.ndarray:
        """Resampling unit of each common cell (cell,)."""
        window = self.bins[np.searchsorted(self.keys, common), 0] // _tracks(self.dataset).bins
        return np.asarray(self.unit[window])


def fit_tracks(jobs: Mapping[str, Job], output: Path, *, overwrite: bool) -> list[Path]:
    """Fit every network; what the first holds out of the genome, all others hold out too, whatever their windows."""
    _require_one_genome([job.inputs for job in jobs.values()])
    done: list[Path] = []
    lead: Prepared | None = None
    for name, job in jobs.items():
        print(f"--- {name}", file=sys.stderr)
        folder = output / name.replace(":", "-")
        if lead is None:
            lead = prepare(job.method.card, job.config, job.inputs, job.options)
            _require_parts_of_any_window(lead)
            _cores(lead.dataset, name)
        else:
            job = _holding_out(job, name, lead, output / f"{folder.name}.{HELD_OUT}")
        done.append(carry_out(job, folder, overwrite=overwrite).path)
    return done


def _require_parts_of_any_window(lead: Prepared) -> None:
    if lead.split.kind == "locus":
        raise UsageError(
            "networks of tracks are not compared by locus: the gaps between parts hold for one network's windows",
            where="--split locus",
            do="use --split chromosome or homology",
        )


def _holding_out(job: Job, name: str, lead: Prepared, path: Path) -> Job:
    """The job with a test part that holds whatever the first network's does; its ids are written to `path`.

    Chromosomes of the test and validation parts are the same. By homology, every block of regions and clusters of which
    a window reads what the first holds out goes to the test part, and the rest is divided by blocks.

    Raises:
        InsufficientDataError: nothing would be held out, or nothing left.
    """
    kind, options = lead.split.kind, job.options
    if kind != "given":
        options = options.replace(split=options.split.replace(kind=kind))  # auto is not left to choose otherwise
    prepared = prepare(job.method.card, job.config, job.inputs, options)
    cores = _cores(prepared.dataset, name)
    if "records" in job.inputs and prepared.split.kind == "given":  # records bring their own division
        return job
    held = _cores(lead.dataset, name).take(lead.split.where("test"))
    if kind == "homology":
        windows, block = _tracks(prepared.dataset).intervals, prepared.split.blocks
        assert windows is not None and block is not None
        out = np.isin(block, block[_overlapping(windows, held)])
    else:
        out = _overlapping(cores, held)
    if not out.any() or out.all():
        raise InsufficientDataError(
            "what the first network holds out cannot be held out here",
            where=name,
            got=f"{int(out.sum())} of {len(out)} windows would be in the test part",
            expected="windows within it, and others",
            do="use another --split, a smaller --test-fraction, or more of the genome",
        )
    if kind == "chromosome":
        own = set(prepared.dataset.columns["chrom"].astype(str))
        named = {part: tuple(one for one in chosen if one in own) for part, chosen in _chromosomes(lead.split).items()}
        asked = options.split.replace(test_chromosomes=named["test"], valid_chromosomes=named["valid"])
        return replace(job, options=options.replace(split=asked))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "\n".join(prepared.dataset.ids[out].astype(str)) + "\n")
    return replace(job, options=options.replace(test_ids=path))


def _chromosomes(split: Split) -> dict[str, list[str]]:
    found: dict[str, list[str]] = dict(split.parameters["chromosomes"])
    return found


def compare_tracks(runs: Sequence[Path], *, output: Path, draws: int) -> tuple[dict[str, Any], list[Pair], list[str]]:
    """Compare complete runs, and the rivals of the first, on the bins that all of them hold out.

    Bins of different sizes are joined to the smallest that all of them divide, as the track table says that bins are
    made. tracks.tsv goes into `output`.

    Returns:
        what compare.json holds but for the verdict; the pairs; names of the runs, the others being rivals.

    Raises:
        MismatchError: other inputs, seeds or tracks, or no bin that all hold out.
        UsageError: not networks of tracks along one genome.
        InputError: an input of the runs is not where it was.
    """
    about = [read_json(run / "provenance.json") for run in runs]
    names = _names(runs)
    if others := [str(run) for run, one in zip(runs, about, strict=True) if one["card"]["data"] != "tracks"]:
        raise UsageError("networks of tracks are compared with each other", got=f"{list_some(others)} among them")
    _require_one_genome([one["inputs"] for one in about])
    _require_same(runs)
    sides, width = _sides(dict(zip(names, runs, strict=True)))
    common = reduce(np.intersect1d, [side.keys for side in sides])
    if not len(common):
        raise MismatchError(
            "no stretch of the genome is held out by all of these networks",
            where=" and ".join(map(str, runs)),
            got=f"{', '.join(f'{len(side.keys):,}' for side in sides)} bins of {width:,} bases in their test parts",
            expected="test parts that overlap",
            do="give compare the methods and the data: it holds out the same stretches for all",
        )
    lead = sides[0]
    metrics = read_json(lead.run / "metrics.json")
    known = {"unit_name": metrics["conditions"]["unit_name"], "seed": metrics["conditions"]["seed"]}
    unit = lead.units(common)
    sums = _sums(_values(sides, about[0]["card"]["rival"]), _truth(sides), common, unit)
    scores = {name: score_tracks(found, unit, draws=draws, **known) for name, found in sums.items()}
    means = {name: found.mean(unit_name=known["unit_name"]) for name, found in scores.items()}
    whole = np.array([mean.value for mean, _ in means.values()])
    drawn = np.array([values for _, values in means.values()])
    pairs = pairs_of_draws(list(means), whole, drawn, unit, metric="pearson", unit_name=known["unit_name"])
    cost = _cost(sides)
    table = [
        {"name": name, "rival": name not in names, "pearson": mean.to_dict(), "r2": {"value": scores[name].mean_r2()}}
        | cost.get(name, {})
        for name, (mean, _) in means.items()
    ]
    _write_tracks(output / "tracks.tsv", _tracks(lead.dataset), scores, pairs)
    conditions = {
        "bins compared": len(common),
        "bases of a bin": width,
        "bins held out by each": {side.name: len(side.keys) for side in sides},
        "figure": "correlation over the bins compared, by track; the mean over tracks",
    }
    record = {"primary": "pearson", "table": table, "pairs": [pair.to_dict() for pair in pairs]}
    return record | {"conditions": conditions}, pairs, names


def _require_one_genome(inputs: Sequence[Mapping[str, Any]]) -> None:
    if any("genomes" in one for one in inputs):
        raise UsageError(
            "networks of tracks are compared on one genome",
            where="--genomes",
            do="give one genome, as --fasta with --tracks or as --records",
        )


def _names(runs: Sequence[Path]) -> list[str]:
    """The method of each run, or its folder's name where a method occurs twice."""
    methods = [read_json(run / "compare.json")["method"] for run in runs]
    return [method if methods.count(method) == 1 else run.name for method, run in zip(methods, runs, strict=True)]


def _require_same(runs: Sequence[Path]) -> None:
    """The same inputs and seed; windows, and how they are divided, may differ."""
    first, *others = [read_json(run / "run.json")["identity"] for run in runs]
    for run, other in zip(runs[1:], others, strict=True):
        differing = [f"input {name}" for name in {**first["inputs"], **other["inputs"]}
                     if first["inputs"].get(name) != other["inputs"].get(name)]  # fmt: skip
        differing += ["seed"] if first["options"]["seed"] != other["options"]["seed"] else []
        if differing:
            raise MismatchError(
                "the runs were not fitted to the same data",
                where=f"{runs[0]} and {run}",
                got="different " + ", ".join(differing),
                expected="the same inputs and --seed",
                do="fit them again alike, or give compare the methods and the data",
            )


def _sides(runs: Mapping[str, Path]) -> tuple[list[_Side], int]:
    """Each run's test windows in common cells, and the bases of a cell."""
    loaded = {name: _prepared(run) for name, run in runs.items()}
    width = lcm(*(_tracks(one.dataset).bin for one in loaded.values()))
    contigs: dict[str, int] = {}
    first = next(iter(loaded.values())).dataset.target.names
    sides = []
    for name, prepared in loaded.items():
        if prepared.dataset.target.names != first:
            raise MismatchError("other tracks", where=runs[name], got=list_some(prepared.dataset.target.names))
        index = prepared.split.where("test")
        unit = _units(runs[name], len(index))
        cores = _cores(prepared.dataset, name).take(index)
        x = _tracks(prepared.dataset)
        contig = np.array([contigs.setdefault(str(chrom), len(contigs)) for chrom in cores.chrom], np.int64)
        start = contig[:, None] * _CONTIG + cores.start[:, None] + np.arange(x.bins) * x.bin
        order = np.argsort(start, axis=None, kind="stable")
        keys, begin, count = np.unique(start.ravel()[order] // width, return_index=True, return_counts=True)
        full = count == width // x.bin  # a cell that windows hold in part, or twice, is left out
        bins = order[begin[full][:, None] + np.arange(width // x.bin)]
        sides.append(_Side(name, runs[name], prepared, index, unit, keys[full], bins))
    return sides, width


def _prepared(run: Path) -> Prepared:
    """A run's windows, its inputs being where they were, and its own division of them."""
    from chiasma.split.table import read_split
    from chiasma.workflow.loading.tracks import load_tracks
    from chiasma.workflow.method import load_method

    identity = read_json(run / "run.json")["identity"]
    inputs: dict[str, Any] = {}
    for name, record in read_json(run / "provenance.json")["inputs"].items():
        value = record.get("path", record.get("value"))
        if "path" in record and not Path(value).exists():
            raise InputError("an input of this run is not where it was", where=run, got=value, do="put it back")
        port, _, key = name.partition(".")
        if key:
            inputs.setdefault(port, {})[key] = value
        else:
            inputs[port] = value
    config = load_method(identity["method"]).config_class.parse(identity["config"], source=f"{run}/run.json")
    apart = identity["options"]["split"]["kind"] == "homology"
    dataset, _ = load_tracks(config, inputs, own_split=False, apart=apart)
    split = read_split(run / "split.parquet")
    if not np.array_equal(dataset.ids.astype(str), split.ids.astype(str)):
        raise MismatchError("the inputs of this run have other windows now", where=run, do="fit it again")
    return Prepared(dataset, split)


def _units(run: Path, count: int) -> np.ndarray:
    import pyarrow.parquet as pq

    found = pq.read_table(run / "predictions.parquet", columns=["unit"])["unit"].to_numpy()
    if len(found) != count:
        raise MismatchError("the run's predictions are not of its test part", where=run, got=len(found), expected=count)
    return np.asarray(found)


def _tracks(dataset: Dataset) -> Tracks:
    assert isinstance(dataset.x, Tracks)
    return dataset.x


def _cores(dataset: Dataset, name: str) -> Intervals:
    """Where the bins with targets of each window lie.

    Raises:
        InputError: the data do not say.
    """
    x = _tracks(dataset)
    if x.intervals is None:
        raise InputError(
            "windows that do not say where they lie cannot be compared between networks",
            where=name,
            expected="records with sequences.bed, or --fasta with --tracks",
        )
    start = x.intervals.start + x.crop * x.bin
    return replace(x.intervals, start=start, end=start + x.bins * x.bin)


def _overlapping(cores: Intervals, held: Intervals) -> np.ndarray:
    """Which cores share a base with any of those held out (window,)."""
    found = np.zeros(len(cores), bool)
    for chrom in np.unique(held.chrom.astype(str)):
        own, other = cores.chrom.astype(str) == chrom, held.chrom.astype(str) == chrom
        start, end = np.sort(held.start[other]), np.sort(held.end[other])
        # As many end before this core begins as begin before it ends: none lies over it.
        found[own] = np.searchsorted(start, cores.end[own], "left") > np.searchsorted(end, cores.start[own], "right")
    return found


def _values(sides: Sequence[_Side], card_rival: str) -> dict[str, tuple[_Side, Any]]:
    """Predictions (test window, bin, track) of each run and of the first one's rivals, with whose windows they are."""
    from chiasma.rivals.choose import rivals_for

    found = {side.name: (side, np.load(side.run / array_name(""), mmap_mode="r")) for side in sides}
    lead = sides[0]
    if not read_json(lead.run / "run.json")["identity"]["options"]["rivals"]:
        return found
    part, test = lead.dataset.take(training_part(lead.prepared)), lead.dataset.take(lead.index)
    seed = read_json(lead.run / "run.json")["identity"]["options"]["seed"]
    for rival in rivals_for(part, card_rival=card_rival):
        found[rival.name] = (lead, rival.fit(part, seed=seed).predict(test))
    return found


def _truth(sides: Sequence[_Side]) -> _Side:
    """The run whose targets are compared with: one that has them at the common size, if any."""
    return next((side for side in sides if side.bins.shape[1] == 1), sides[0])


def _sums(
    values: Mapping[str, tuple[_Side, Any]], truth: _Side, common: np.ndarray, unit: np.ndarray
) -> dict[str, UnitSums]:
    """Sums of every predictor over the common cells, some tracks at a time."""
    count = truth.dataset.target.n_outputs
    found: dict[str, list[np.ndarray]] = {name: [] for name in values}
    targets = truth.dataset.target.values[truth.index]
    for first in range(0, count, _TRACKS):
        tracks = slice(first, first + _TRACKS)
        measured = truth.cells(targets, common, tracks)
        centre = measured.mean(axis=0)
        for name, (side, predicted) in values.items():
            moments = UnitMoments(unit, centre)
            moments.add(0, measured[:, None], side.cells(predicted, common, tracks)[:, None])
            found[name].append(moments.sums().sums)
    return {name: UnitSums(np.concatenate(parts, axis=2)) for name, parts in found.items()}


def _cost(sides: Sequence[_Side]) -> dict[str, dict[str, Any]]:
    """Seconds and parameters of each run, and of the first one's rivals."""
    found: dict[str, dict[str, Any]] = {}
    for side in sides:
        record = read_json(side.run / "compare.json")
        own = dict(record["cost"])
        found[side.name] = own.pop(record["method"], {})
        found = own | found
    return found


def _write_tracks(path: Path, x: Tracks, scores: Mapping[str, TrackScores], pairs: Sequence[Pair]) -> None:
    """tracks.tsv: every track's correlation with each predictor, and paired differences with intervals."""
    columns: dict[str, Any] = {"track": x.table.identifier, "description": x.table.description}
    for name, found in scores.items():
        for key in ("value", "low", "high"):
            columns[f"{name} {key}"] = [getattr(one, key) for one in found.pearson]
    for pair in pairs:
        one, other = scores[pair.a], scores[pair.b]
        ends = [interval(column) for column in (one.draws - other.draws).T]
        gap = [a.value - b.value for a, b in zip(one.pearson, other.pearson, strict=True)]
        title = f"{pair.a} less {pair.b}"
        columns |= {title: gap, f"{title} low": [low for low, _ in ends], f"{title} high": [high for _, high in ends]}
    rows = ["\t".join(columns)]
    for row in zip(*columns.values(), strict=True):
        rows.append("\t".join(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    write_text(path, "\n".join(rows) + "\n")
