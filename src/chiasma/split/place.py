"""Where the examples of a dataset lie on a genome, and which class each belongs to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chiasma.data.contigs import one_spelling
from chiasma.data.dataset import Dataset, Target
from chiasma.data.genomes import Genomes
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.sequences import Sequences
from chiasma.data.tracks import Tracks

NOWHERE = ("", ".", "*", "None", "nan", "<NA>")


def coordinates(dataset: Dataset) -> Intervals | None:
    """Where each example lies: the columns chrom, start, end, or the sequences' intervals; None where unknown.

    An example without a place has an empty contig name and an empty interval. A contig that is spelled in several
    ways (chr1 and 1) has the first of them throughout.
    """
    columns = dataset.columns
    if {"chrom", "start", "end"} <= set(columns):
        chrom = columns["chrom"].astype(str)
        lost = np.isin(chrom, NOWHERE)
        start, end = (np.where(lost, 0, columns[key]).astype(np.int64) for key in ("start", "end"))
        names = one_spelling(np.where(lost, "", chrom).astype(object))
        return make_intervals(names, start, end, names=dataset.ids)
    if isinstance(dataset.x, Sequences) and dataset.x.intervals is not None:
        places = dataset.x.intervals
        return replace(places, chrom=one_spelling(places.chrom))
    return None


def chromosomes(dataset: Dataset) -> np.ndarray | None:
    """Contig of each example (example,), empty text where unknown; None where no contig is known at all.

    A shuffled twin without coordinates takes the contig of its unit.
    """
    places = coordinates(dataset)
    if places is not None:
        names = places.chrom.astype(str)
    elif "chrom" in dataset.columns:
        names = dataset.columns["chrom"].astype(str)
    else:
        return None
    names = one_spelling(np.where(np.isin(names, NOWHERE), "", names).astype(object))
    known = np.flatnonzero(names != "")
    if not len(known):
        return None
    if len(known) < len(names):
        by_unit = {dataset.unit[index]: names[index] for index in known[::-1]}
        for index in np.flatnonzero(names == ""):
            names[index] = by_unit.get(dataset.unit[index], "")
    return names


def sequences_of(dataset: Dataset) -> Sequences | None:
    """The examples as sequences, windows with tracks among them; None for other data."""
    if isinstance(dataset.x, Tracks):
        return Sequences.from_codes(list(dataset.ids), list(dataset.x.codes), dataset.x.intervals)
    if isinstance(dataset.x, Genomes):
        return Sequences.from_codes(list(dataset.ids), dataset.x.codes(), coordinates(dataset))
    return dataset.x if isinstance(dataset.x, Sequences) else None


def strata(target: Target, n: int) -> np.ndarray:
    """A small integer per example that a split keeps in proportion (example,).

    Classes; for several labels the rarest one present; for a regression the quarter of its first track.
    """
    if target.kind in ("binary", "multiclass"):
        return np.asarray(target.values, np.int64)
    if target.kind == "multilabel":
        present = np.nan_to_num(np.asarray(target.values, float)) > 0
        order = np.argsort(present.sum(axis=0), kind="stable")
        return np.where(present.any(axis=1), np.argmax(present[:, order], axis=1) + 1, 0)
    if target.kind == "regression" and n >= 8:
        values = np.asarray(target.values, float).reshape(n, -1)[:, 0]
        return np.searchsorted(np.nanquantile(values, [0.25, 0.5, 0.75]), values)
    return np.zeros(n, np.int64)
