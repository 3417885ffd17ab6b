"""From files of sequences, intervals or annotation to a Dataset of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_unique
from chiasma.core.errors import InputError, InsufficientDataError, UsageError, list_some
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.intervals import Intervals
from chiasma.data.sequences import UNKNOWN, Sequences, concatenate
from chiasma.encode.negatives import Negatives, matched_windows, shuffled_twins
from chiasma.encode.windows import check_reference, extract, fixed_windows
from chiasma.io.bed import read_bed
from chiasma.io.fasta import FastaRecords, read_fasta_records
from chiasma.io.genome import Genome, open_genome
from chiasma.io.gff import KINDS, labelled_windows
from chiasma.io.missing import MISSING
from chiasma.io.sequence_table import (
    LabelledSequences,
    labels_for,
    make_target,
    read_labelled,
    read_labels,
    skip_unlabelled,
)
from chiasma.io.textfile import open_bytes
from chiasma.workflow.loading.groups import unit_by_group, with_groups

_BINARY = ("negative", "positive")
_GFF_SUFFIXES = (".gff", ".gff3", ".gtf")
_BED_SUFFIXES = (".bed", ".narrowpeak", ".bdg", ".bedgraph", ".bg")
_ANNOTATION_LENGTH = 200
"""Bases of a window on annotation where no length is asked for: a choice of ours, a nucleosome's worth."""


@dataclass(frozen=True, eq=False)
class _Set:
    """Sequences of one file with what goes with them."""

    sequences: Sequences
    lower: np.ndarray
    labels: dict[str, list[str]] = field(default_factory=dict)
    group: np.ndarray | None = None
    group_name: str = "group"
    skips: tuple[Skip, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    def take(self, index: np.ndarray) -> _Set:
        labels = {name: [values[i] for i in index] for name, values in self.labels.items()}
        group = None if self.group is None else self.group[index]
        return replace(self, sequences=self.sequences.take(index), lower=self.lower[index], labels=labels, group=group)


def load_sequences(inputs: Mapping[str, Any], *, seed: int, length: int | None = None) -> Dataset:
    """Read sequences with their target.

    Args:
        inputs: either `positives` (FASTA, BED, narrowPeak, or annotation as FILE or FILE:KIND) with `negatives` (the
            same, or "shuffled", the default, or "genome"), or `sequences` (labelled FASTA, a table, or annotation,
            whose kinds are then the classes) and perhaps `labels` (FILE or FILE:COLUMN, by id). Intervals need
            `fasta`, the genome. `groups` (FILE or FILE:COLUMN, by id) names what belongs together.
        seed: root of the randomness of made negatives and of drawn windows.
        length: bases of a window around each summit or midpoint; longer sequences are cut to it at both ends,
            shorter ones stay as they are. By default intervals keep their own length.

    Returns:
        A Dataset whose unit is a group where there are groups, a peak with its twin where negatives are shuffles;
        columns gc, length, lower_case_share, chrom, start and end (where all are known) and group (where given).

    Raises:
        UsageError: inputs that contradict each other.
        InputError: what is wrong with a file.
    """
    given = {key: value for key, value in inputs.items() if value is not None}
    if ("positives" in given) == ("sequences" in given):
        raise UsageError(
            "give either positives or sequences",
            got=", ".join(given) or "neither",
            expected="--positives F with --negatives F|shuffled|genome, or --sequences F with labels",
        )
    genome = open_genome(given["fasta"]) if given.get("fasta") else None
    if "positives" in given:
        dataset = _binary(given, genome, seed=seed, length=length)
    else:
        dataset = _labelled(given, genome, seed=seed, length=length)
    _refuse_one_set_twice(dataset, where=given.get("negatives", given.get("sequences")))
    if given.get("groups"):
        path, column = _split_column(str(given["groups"]))
        table = {key: group for key, group in read_labels(path, column=column).items() if group not in MISSING}
        dataset = with_groups(dataset, table, where=given["groups"], name=column or "group")
    if genome is not None:
        dataset.notes.update({f"genome {key}": value for key, value in genome.notes.items()})
    return dataset


def _refuse_one_set_twice(dataset: Dataset, *, where: object) -> None:
    """Most sequences in two classes are one file given twice: there is nothing to learn."""
    from chiasma.audit.dependence import in_two_classes

    kind = dataset.target.kind
    if where in (None, "shuffled", "genome") or kind not in ("binary", "multiclass"):
        return
    assert isinstance(dataset.x, Sequences)
    both = int(in_two_classes(dataset.x, np.asarray(dataset.target.values)).sum())
    if both > len(dataset) / 2:
        raise InputError(
            "the same sequences in both classes"
            if dataset.target.kind == "binary"
            else "the same sequences in classes",
            where=where,
            got=f"{both:,} of {len(dataset):,} sequences stand under two labels, on either strand",
            expected="classes of different sequences",
            do="check that the files, or the labels, are those that were meant",
        )


def load_unlabelled(
    path: Path | str, *, target: Target | None = None, fasta: Path | str | None = None, length: int | None = None
) -> Dataset:
    """Read new sequences for a fitted model: FASTA, a table, or intervals with `fasta`.

    Args:
        path: the file; `-` is FASTA on standard input.
        target: the model's target, whose kind and names are kept with zeros for values; none by default.
        fasta: genome of intervals.
        length: as for `load_sequences`.

    Raises:
        InputError: what is wrong with the file.
    """
    genome = open_genome(fasta) if fasta else None
    loaded = _clean(_read(str(path), genome, seed=0, length=length), length, where=path)
    n = len(loaded.sequences)
    kind = target.kind if target is not None else "none"
    names = target.names if target is not None else ()
    flat = kind in ("binary", "multiclass", "none")
    values = np.zeros(n, np.int64) if flat else np.zeros((n, len(names)))
    placeholder = Target(kind, values, names, target.unit if target is not None else "")
    notes = dict(loaded.notes) | ({f"genome {k}": v for k, v in genome.notes.items()} if genome else {})
    return _dataset([loaded], placeholder, np.arange(n), unit_name="sequence", notes=notes)


def _binary(given: Mapping[str, Any], genome: Genome | None, *, seed: int, length: int | None) -> Dataset:
    source = str(given["positives"])
    positives = _clean(_read(source, genome, seed=seed, length=length), length, where=source)
    wanted = str(given.get("negatives", "shuffled"))
    if wanted in ("shuffled", "genome"):
        if wanted == "shuffled":
            made = shuffled_twins(positives.sequences, seed=seed)
        else:
            where = _need(genome, "--negatives genome")
            check_reference(where, positives.sequences, where=source)
            made = matched_windows(positives.sequences, where, seed=seed)
        positives, negatives = _with_made(positives, made, genome)
        note = made.note
    else:
        negatives = _clean(_read(wanted, genome, seed=seed, length=length), length, where=wanted)
        note = f"{len(negatives.sequences)} given in {Path(wanted).name}"
        if np.isin(negatives.sequences.ids, positives.sequences.ids).any():
            ids = np.array([f"negative:{name}" for name in negatives.sequences.ids], dtype=object)
            negatives = replace(negatives, sequences=replace(negatives.sequences, ids=ids))
    n, m = len(positives.sequences), len(negatives.sequences)
    for name, count, path in (("positives", n, source), ("negatives", m, wanted)):
        if not count:
            raise InsufficientDataError(f"no {name} left, so only one class", where=path, expected="both classes")
    unit = np.arange(n + m)
    if wanted == "shuffled":
        unit = np.concatenate([np.arange(n), np.arange(n)])
    target = Target("binary", np.repeat(np.array([1, 0], np.int64), [n, m]), _BINARY)
    unit_name = "peak with its twin" if wanted == "shuffled" else "sequence"
    notes = {**positives.notes, "negatives": note}
    return _dataset([positives, negatives], target, unit, unit_name=unit_name, notes=notes)


def _with_made(positives: _Set, made: Negatives, genome: Genome | None) -> tuple[_Set, _Set]:
    """Positives, and made negatives as a set; of shuffles only positives with a twin remain."""
    sequences = made.sequences
    if made.paired:
        # A twin stands where its peak stands, so that no split by place can part them.
        positives = positives.take(made.positive)
        sequences = replace(sequences, intervals=positives.sequences.intervals)
        lower = positives.lower
        group = positives.group
    else:
        where = _need(genome, "--negatives genome")
        lower = _repeat_share(where, sequences)
        # Both classes by the genome's own soft-masking: the letter case of two files would only tell them apart.
        positives = replace(positives, lower=_repeat_share(where, positives.sequences))
        taken = np.isin(sequences.ids, positives.sequences.ids)
        if taken.any():
            ids = np.array([f"negative:{name}" for name in sequences.ids], dtype=object)
            sequences = replace(sequences, ids=ids)
        group = None
    return positives, _Set(sequences, lower, group=group, skips=made.skips)


def _labelled(given: Mapping[str, Any], genome: Genome | None, *, seed: int, length: int | None) -> Dataset:
    source = str(given["sequences"])
    loaded = _read(source, genome, seed=seed, length=length, classes=True)
    if given.get("labels"):
        path, column = _split_column(str(given["labels"]))
        table = read_labels(path, column=column)
        loaded = replace(
            loaded, labels={column or "label": labels_for(loaded.sequences.ids, table, where=given["labels"])}
        )
    if not loaded.labels:
        raise InputError(
            "the sequences have no labels",
            where=source,
            expected="label=X in every header, a table with a label column, or --labels FILE[:COLUMN]",
            do="add labels, or give --positives and --negatives",
        )
    loaded = _clean(loaded, length, where=source)
    target, known = make_target(loaded.labels, where=source)
    skips = loaded.skips + skip_unlabelled(loaded.sequences.ids, known)
    loaded = replace(loaded.take(np.flatnonzero(known)), skips=skips)
    if target.kind in ("binary", "multiclass") and len(np.unique(target.values)) < 2:
        raise InsufficientDataError(
            "only one class is present",
            where=source,
            got=target.names[int(target.values[0])],
            expected="two classes or more",
        )
    notes = dict(loaded.notes)
    return _dataset([loaded], target, np.arange(len(loaded.sequences)), unit_name="sequence", notes=notes)


def _read(source: str, genome: Genome | None, *, seed: int, length: int | None, classes: bool = False) -> _Set:
    """One file of any kind, by its suffix or content; labels only where `classes` are wanted."""
    path, kind = _split_kind(source)
    form = _form(path)
    if form == "annotation":
        return _read_annotation(path, kind, _need(genome, source), seed=seed, length=length, classes=classes)
    if form == "intervals":
        places = read_bed(path)
        where = _need(genome, source)
        windows = places if length is None else fixed_windows(places, length)
        return _from_intervals(where, windows, path)
    if form == "fasta" and not classes:
        return _from_records(LabelledSequences(read_fasta_records(path)))
    loaded = _from_records(read_labelled(path))
    return loaded if classes else replace(loaded, labels={})


def _read_annotation(
    path: str, kind: str | None, genome: Genome, *, seed: int, length: int | None, classes: bool
) -> _Set:
    kinds = KINDS if classes and kind is None else (kind or "tss",)
    windows, skips = labelled_windows(path, genome, kinds=kinds, length=length or _ANNOTATION_LENGTH, seed=seed)
    loaded = _from_intervals(genome, windows, path)
    labels = {}
    if classes:
        places = loaded.sequences.intervals
        labels = {"label": [] if places is None else [str(value) for value in places.columns["label"]]}
    notes = {"windows": f"{length or _ANNOTATION_LENGTH} bp of {', '.join(kinds)} from {Path(path).name}"}
    return replace(loaded, labels=labels, skips=loaded.skips + tuple(skips), notes=notes)


def _from_records(read: LabelledSequences) -> _Set:
    records: FastaRecords = read.records
    notes = {}
    if records.ambiguous:
        letters = ", ".join(f"{letter} {count}" for letter, count in records.ambiguous.items())
        notes["ambiguous letters"] = f"read as N: {letters}"
    return _Set(
        records.sequences, records.lower_case_share, read.labels, read.group, read.group_name, records.skips, notes
    )


def _from_intervals(genome: Genome, intervals: Intervals, path: str) -> _Set:
    require_unique([str(name) for name in intervals.names], what="interval name", where=path)
    sequences, skips = extract(genome, intervals)
    return _Set(sequences, _repeat_share(genome, sequences), skips=tuple(skips))


def _repeat_share(genome: Genome, sequences: Sequences) -> np.ndarray:
    places = sequences.intervals
    if places is None or not len(places):
        return np.zeros(len(sequences))
    contig = genome.contig_indices(places.chrom)
    share = genome.share_masked(np.maximum(contig, 0), places.start, places.end)
    return np.where(contig >= 0, share, 0.0)


def _clean(loaded: _Set, length: int | None, *, where: object) -> _Set:
    """Leave out sequences without a known base, and cut those longer than `length` at both ends."""
    sequences = loaded.sequences
    if not len(sequences):
        reasons = "; ".join(str(skip) for skip in loaded.skips)
        raise InsufficientDataError("no sequence left", where=where, got=reasons or "an empty file")
    known = np.add.reduceat((sequences.codes < UNKNOWN).astype(np.int64), sequences.offsets[:-1]) > 0
    skips = loaded.skips
    if not known.all():
        names = tuple(str(name) for name in sequences.ids[~known][:3])
        skips = (*skips, Skip("no known base, all N", int((~known).sum()), names))
        if not known.any():
            raise InsufficientDataError("no sequence has a known base", where=where, got=list_some(sequences.ids))
        loaded = loaded.take(np.flatnonzero(known))
    notes = dict(loaded.notes)
    if length is not None and (longer := int((loaded.sequences.lengths > length).sum())):
        notes["cut"] = f"{longer} sequences cut to their central {length} bp"
        loaded = replace(loaded, sequences=_cut(loaded.sequences, length))
    return replace(loaded, skips=skips, notes=notes)


def _cut(sequences: Sequences, length: int) -> Sequences:
    """Sequences longer than `length` reduced to their middle, with their coordinates."""
    sizes = np.minimum(sequences.lengths, length)
    left = (sequences.lengths - sizes) // 2
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    source = np.arange(offsets[-1]) + np.repeat(sequences.offsets[:-1] + left - offsets[:-1], sizes)
    places = sequences.intervals
    if places is not None:
        right = sequences.lengths - sizes - left
        begin = np.where(places.strand < 0, right, left)
        places = replace(places, start=places.start + begin, end=places.start + begin + sizes)
    return Sequences(sequences.ids, sequences.codes[source], offsets, places)


def _dataset(
    sets: list[_Set], target: Target, unit: np.ndarray, *, unit_name: str, notes: Mapping[str, str]
) -> Dataset:
    sequences = concatenate([part.sequences for part in sets]) if len(sets) > 1 else sets[0].sequences
    columns: dict[str, np.ndarray] = {
        "gc": np.nan_to_num(sequences.gc(), nan=0.0),
        "length": sequences.lengths,
        "lower_case_share": np.concatenate([part.lower for part in sets]),
    }
    places = sequences.intervals
    if places is not None:
        columns |= {"chrom": places.chrom, "start": places.start, "end": places.end}
    groups = [part.group for part in sets if part.group is not None]
    if len(groups) == len(sets):
        columns["group"] = np.concatenate(groups)
        unit_name = sets[0].group_name
    skips = tuple(skip for part in sets for skip in part.skips)
    merged: dict[str, Any] = {}
    for part, name in zip(sets, _BINARY[::-1] if len(sets) > 1 else ("",), strict=True):
        merged |= {f"{name}s: {key}" if name else key: value for key, value in part.notes.items()}
    dataset = Dataset(sequences.ids, sequences, target, unit, unit_name, columns, skips, {**merged, **notes})
    return unit_by_group(dataset, unit_name)


def _need(genome: Genome | None, what: str) -> Genome:
    if genome is None:
        raise UsageError("intervals need a genome", where=what, expected="--fasta GENOME", do="add --fasta")
    return genome


def _split_kind(source: str) -> tuple[str, str | None]:
    """`FILE:KIND` of annotation as its two parts; a path that exists stays whole."""
    stem, separator, kind = source.rpartition(":")
    if separator and kind in KINDS and not Path(source).exists():
        return stem, kind
    return source, None


def _split_column(source: str) -> tuple[str, str | None]:
    stem, separator, column = source.rpartition(":")
    return (stem, column) if separator and stem and not Path(source).exists() else (source, None)


def _form(path: str) -> str:
    """fasta, intervals, annotation or table: by the suffix, else by the first line."""
    if path == "-":
        return "fasta"
    stem = path.lower().removesuffix(".gz").removesuffix(".bgz")
    if stem.endswith(_GFF_SUFFIXES):
        return "annotation"
    if stem.endswith(_BED_SUFFIXES):
        return "intervals"
    with open_bytes(path) as handle:
        start = handle.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b">", b";")) or b"\0" in start or not start:
        return "fasta"
    if start.startswith(b"##gff"):
        return "annotation"
    rows = [line.split(b"\t") for line in start.split(b"\n") if not line.startswith((b"#", b"track", b"browser"))]
    first = next((row for row in rows if len(row) > 1), [b""])
    if len(first) >= 3 and first[1].isdigit() and first[2].strip().isdigit():
        return "intervals"
    return "table" if len(first) > 1 or b"," in first[0] or b"," in start.split(b"\n", 1)[0] else "fasta"
