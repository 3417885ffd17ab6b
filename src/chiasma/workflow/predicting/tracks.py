"""Tracks along stretches of a genome, bin by bin, from a fitted network."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.cards import list_cards
from chiasma.core.errors import InsufficientDataError, UsageError, list_some, unknown_name
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.track_table import TrackTable, plain_table
from chiasma.data.tracks import Tracks
from chiasma.encode.squash import unsquash
from chiasma.io.bed import read_bed
from chiasma.io.genome import Genome, open_genome
from chiasma.uncertainty.region_intervals import RegionIntervals
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.method import load_method
from chiasma.workflow.model import OwnModel
from chiasma.workflow.predicting.predictions import output_suffix, write_table
from chiasma.workflow.weights.catalogue import list_weights
from chiasma.workflow.weights.convert import track_table

_WINDOWS = 64
"""Windows read and predicted at a time, at most."""
_VALUES = 1 << 26
"""Numbers of a prediction that are held at a time."""
_ONE_TRACK = (".bw", ".bigwig", ".bedgraph", ".bed")


def predict_tracks(
    fitted: Fitted,
    inputs: Mapping[str, Any],
    *,
    output: Path | str | None = None,
    device: str = "auto",
    tracks: Sequence[str] = (),
) -> tuple[dict[str, np.ndarray], tuple[Skip, ...]]:
    """Predicted coverage of every bin of some stretches, with what clips, scales and powers did taken back.

    Args:
        fitted: a network that gives tracks.
        inputs: `input`, a BED of stretches with `fasta`, or a FASTA alone: all its sequences. Bins begin at multiples
            of their size; what a window reads beyond the end of a contig is unknown.
        output: where to write; of bigWig, BED and bedGraph one track.
        device: auto, cpu, cuda or mps.
        tracks: those wanted; by default all.

    Returns:
        One row a bin: id, chrom, start, end, yhat_TRACK, and low_TRACK and high_TRACK where the fit learnt intervals;
        and what was skipped.

    Raises:
        UsageError: no such track, several for a format that holds one, or no input.
        InsufficientDataError: no stretch lies on the genome.
    """
    names = fitted.target.names
    for name in tracks:
        if name not in names:
            raise unknown_name("track", name, names)
    wanted = np.array([names.index(name) for name in tracks or names])
    if output is not None and output_suffix(output) in _ONE_TRACK and len(wanted) > 1:
        raise UsageError(
            "this format holds one track",
            where=output,
            got=f"{len(wanted)} tracks",
            expected="--track NAME",
            do="name one, or write .parquet or .tsv",
        )
    genome, stretches, skips = _read(inputs)
    meta = fitted.meta["task"]
    windows, first, last = _tiles(stretches, meta)
    whole = table_of(meta)
    table = whole.take(wanted)
    state = fitted.meta.get("intervals", {}).get(fitted.meta.get("head", ""))
    spans = None if state is None else RegionIntervals.from_dict(state, tracks=wanted)
    bins, rows = [], []
    each = (meta["length"] // meta["bin"] - 2 * meta["crop"]) * len(names)
    step = max(1, min(_WINDOWS, _VALUES // each))
    for start in range(0, len(windows), step):
        chosen = np.arange(start, min(start + step, len(windows)))
        here = windows.take(chosen)
        x = Tracks(genome.windows(here), meta["bin"], meta["crop"], whole, here)
        data = Dataset(here.names, x, Target("none", np.zeros(0), ()), np.arange(len(here)))
        found = fitted.scores(data, device=device)[:, :, wanted]
        kinds = [found] if spans is None else [found, *spans.intervals(found)]
        values = np.stack([unsquash(kind, table) for kind in kinds], axis=-1)  # (window, bin, track, kind)
        begin = here.start[:, None] + (meta["crop"] + np.arange(x.bins)) * meta["bin"]
        inside = (begin < last[chosen, None]) & (begin + meta["bin"] > first[chosen, None])
        bins.append((np.repeat(here.chrom, inside.sum(axis=1)), begin[inside]))
        rows.append(values[inside])
    chrom = np.concatenate([one for one, _ in bins])
    begin = np.concatenate([one for _, one in bins])
    end = np.minimum(begin + meta["bin"], genome.lengths[genome.contig_indices(chrom)])
    places, values = make_intervals(chrom, begin, end), np.concatenate(rows)
    columns: dict[str, Any] = {"id": places.names.astype(str), "chrom": chrom.astype(str), "start": begin, "end": end}
    for column, track in enumerate(wanted):
        labels = ("yhat", "low", "high")[: values.shape[2]]
        columns |= {f"{kind}_{names[track]}": values[:, column, number] for number, kind in enumerate(labels)}
    if output is not None:
        write_table(output, columns, intervals=places, fasta=inputs.get("fasta") or inputs.get("input"))
    return columns, skips


def along_genome(model: OwnModel) -> Fitted | None:
    """Published weights that give tracks, as a model that was fitted here; None for other models.

    Without a track table, which is said, strands are not averaged, and values are as the network gives them.
    """
    name, _, head = model.name.partition(":")
    entry = next((one for one in list_weights() if one.name == name), None)
    if entry is None or not model.bin or entry.method not in {card.name for card in list_cards()}:
        return None
    config: Any = model.network.config  # type: ignore[attr-defined]
    head = head or next(iter(config.tracks))
    table, reason = track_table(entry, head, config.tracks[head])
    if table is None:
        print(f"no track table of {model.name} ({reason}): values as the network gives them", file=sys.stderr)
        table, config = plain_table(model.target.names), config.replace(reverse_complement=False)
    from chiasma.fit.track_task import track_facts

    meta = {"task": track_facts(config, table, names=model.target.names)}
    return Fitted(load_method(entry.method), config, model.target, model.network, meta)


def table_of(meta: Mapping[str, Any]) -> TrackTable:
    """What a fitted task says of its tracks, as a table; their files are not known any more."""
    count = len(meta["names"])
    numbers = {
        name: np.array([np.nan if value is None else value for value in meta[name]], float)
        for name in ("clip", "clip_soft", "scale", "exponent")
    }
    empty = np.array([""] * count, dtype=object)
    return TrackTable(
        identifier=np.array(meta["names"], dtype=object),
        file=empty,
        sum_stat=np.array(meta.get("sum_stat", ["mean"] * count), dtype=object),
        strand_pair=np.array(meta["strand_pair"]),
        description=empty,
        squash=meta["squash"],
        **numbers,
    )


def _read(inputs: Mapping[str, Any]) -> tuple[Genome, Intervals, tuple[Skip, ...]]:
    """The genome and the stretches, merged where they overlap, on it."""
    path, fasta = inputs.get("input"), inputs.get("fasta")
    for name, value in (("INPUT", path), ("--fasta", fasta)):
        if value is not None and not Path(str(value)).exists():
            raise UsageError("no such file", where=name, got=value, expected="a file", do="check the path")
    if path is None and fasta is None:
        raise UsageError(
            "no input to predict on", expected="BED with --fasta, or a FASTA", where="INPUT", do="name one"
        )
    genome = open_genome(str(fasta or path))
    if fasta is None or path is None:
        sizes = genome.lengths
        return genome, make_intervals(np.array(genome.names, dtype=object), np.zeros_like(sizes), sizes), ()
    found = read_bed(str(path))
    contig = genome.contig_indices(found.chrom)
    off = (contig < 0) | (found.start < 0) | (found.end > genome.lengths[np.maximum(contig, 0)])
    skips = (Skip("stretches off the genome", int(off.sum()), tuple(found.names[off][:3])),) if off.any() else ()
    if off.all():
        raise InsufficientDataError(
            "no stretch lies on the genome",
            where=path,
            got=list_some(found.names, most=3),
            expected=genome.source,
            do="check that both are of one build",
        )
    spelled = np.array(genome.names, dtype=object)[contig[~off]]
    return genome, _merged(spelled, contig[~off], found.start[~off], found.end[~off]), skips


def _merged(chrom: np.ndarray, contig: np.ndarray, start: np.ndarray, end: np.ndarray) -> Intervals:
    order = np.lexsort((start, contig))
    kept: list[list[Any]] = []
    for name, begin, stop in zip(chrom[order], start[order].tolist(), end[order].tolist()):
        if kept and kept[-1][0] == name and begin <= kept[-1][2]:
            kept[-1][2] = max(kept[-1][2], stop)
        else:
            kept.append([name, begin, stop])
    return make_intervals(*(np.array(column) for column in zip(*kept)))


def _tiles(stretches: Intervals, meta: Mapping[str, Any]) -> tuple[Intervals, np.ndarray, np.ndarray]:
    """Windows whose bins with targets cover the stretches end to end, and the stretch (first, last base) of each."""
    margin = meta["crop"] * meta["bin"]
    core = meta["length"] - 2 * margin
    chrom, start, first, last = [], [], [], []
    covered: tuple[str, int] = ("", 0)
    for name, begin, end in zip(stretches.chrom, stretches.start.tolist(), stretches.end.tolist()):
        begin = begin // meta["bin"] * meta["bin"]
        if covered[0] == name:
            begin = max(begin, covered[1])  # two stretches may share a bin
        for at in range(begin, end, core):
            chrom.append(name)
            start.append(at - margin)
            first.append(begin)
            last.append(end)
        covered = (name, -(-end // meta["bin"]) * meta["bin"])
    windows = make_intervals(np.array(chrom, dtype=object), np.array(start), np.array(start) + meta["length"])
    return windows, np.array(first), np.array(last)
