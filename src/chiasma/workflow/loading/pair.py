"""Two sets of cells to a Dataset: genes matched by name, types of either and other values of either where known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.matrix import Matrix
from chiasma.data.split import Split
from chiasma.io.containers import over
from chiasma.io.tables import orient, read_labels, read_matrix
from chiasma.stats.cells.pair_transfer import SET, TOTAL
from chiasma.workflow.fitting.options import FitOptions

FEW = 5
"""Names shown of what was skipped."""
FEWEST_GENES = 20
"""Genes in common below which two files are taken for ones that name genes differently."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sets of cells over the genes that both have.

    Attributes:
        reference: cells, where labels are given those that have one (cell, gene).
        query: all query cells (cell, gene).
        totals: counts of all genes of each cell of the two.
        labels: type of each reference cell, "" where no labels were given (cell,).
        query_labels: type of each query cell, "" where unknown (cell,).
        sets: library or donor of each cell of the two.
        values: further values of the reference cells that the query is to be given, NaN where a cell lacks them
            (cell, feature), or None.
        query_values: the same of the query cells, where known, or None.
        skips: what was left out.
        notes: facts for the report.
    """

    reference: Matrix
    query: Matrix
    totals: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray
    query_labels: np.ndarray
    sets: tuple[np.ndarray, np.ndarray]
    values: Matrix | None
    query_values: Matrix | None
    skips: tuple[Skip, ...]
    notes: dict[str, Any]


def load_pair(inputs: Mapping[str, Any], options: FitOptions) -> tuple[Dataset, Split]:
    """The cells of known type, and their division; without labels all reference cells, without a target, undivided.

    With types of query cells the reference is the train part and those cells are the test part. Without, a random part
    of the reference is held out as one set, which the split warns about: it says nothing of the difference
    between the sets.
    Query cells without a type, or of one that the reference lacks, are predicted (`integrated/`), not evaluated.

    Raises:
        MismatchError: hardly a gene, or no id of a label, matches. InsufficientDataError: fewer than two types.
        UsageError: types of the query without types of the reference.
    """
    pair = read_pair(inputs)
    if inputs.get("labels") is None:
        return _without_types(pair)
    names = tuple(sorted(set(pair.labels.tolist())))
    if len(names) < 2:
        raise InsufficientDataError(
            "only one type is present in the reference",
            got=", ".join(names) or "none",
            expected="two or more types with two or more cells each",
            do="choose another label column with FILE:COLUMN",
        )
    known = np.isin(pair.query_labels, names)
    skips = list(pair.skips)
    if inputs.get("query_labels") is None:
        dataset = _dataset(pair.reference, pair.labels, names, pair.totals[0], pair.sets[0])
        dataset = replace(dataset, skips=tuple(skips), notes=pair.notes)
        split = _held_out(dataset, options)
        if inputs.get("sets") is None:
            return dataset, split
        sets = np.where(split.part == "test", "query", dataset.columns[SET])  # one set: of each donor they may be few
        return replace(dataset, columns={**dataset.columns, SET: sets}), split
    if not known.any():
        raise MismatchError(
            "no query cell is of a type of the reference",
            where="--query-labels",
            got=list_some(sorted(set(pair.query_labels.tolist()) - {""})) or "no label of a query cell",
            expected=", ".join(names),
        )
    _skip(skips, "query cell without a type: predicted, not evaluated", pair.query.samples[pair.query_labels == ""])
    strange = ~known & (pair.query_labels != "")
    _skip(skips, "query cell of a type that the reference lacks: not evaluated", pair.query.samples[strange])
    both = Matrix(
        np.vstack([pair.reference.values, pair.query.values[known]]),
        np.concatenate([pair.reference.samples, pair.query.samples[known]]),
        pair.reference.features,
    )
    labels = np.concatenate([pair.labels, pair.query_labels[known]])
    totals = np.concatenate([pair.totals[0], pair.totals[1][known]])
    sets = np.concatenate([pair.sets[0], pair.sets[1][known]])
    dataset = replace(_dataset(both, labels, names, totals, sets), skips=tuple(skips), notes=pair.notes)
    sizes = [len(pair.reference), int(known.sum())]
    part = np.repeat(np.asarray(["train", "test"], dtype=object), sizes)
    parameters = {"query_labels": str(inputs["query_labels"]), "seed": options.seed}
    return dataset, Split("given", dataset.ids, part, parameters)


def _without_types(pair: Pair) -> tuple[Dataset, Split]:
    columns = {TOTAL: pair.totals[0], SET: pair.sets[0]}
    ids, empty = pair.reference.samples, Target("none", np.zeros(0), ())
    unit = np.arange(len(ids))
    dataset = Dataset(ids, pair.reference, empty, unit, "cell", columns, pair.skips, pair.notes)
    warning = (
        "no types of reference cells were given: nothing is handed over, and the figures are of how the sets mix and "
        "how each keeps its neighbourhoods"
    )
    return dataset, Split("none", ids, np.full(len(ids), "train", dtype=object), {}, warnings=(warning,))


def query_dataset(pair: Pair, target: Target) -> Dataset:
    """All query cells without a target."""
    columns = {TOTAL: pair.totals[1], SET: pair.sets[1]}
    empty = Target("none", np.zeros(0), target.names, target.unit)
    return Dataset(pair.query.samples, pair.query, empty, np.arange(len(pair.query)), "cell", columns, pair.skips)


def load_query(path: Path | str, genes: np.ndarray, *, target: Target) -> Dataset:
    """A new query set for a stored reference with these genes; genes that it lacks are left out of the alignment."""
    query = _turned(read_matrix(path), genes)
    total = query.values.sum(axis=1)
    shared = _shared(genes, query.features, where=path)
    place = {name: column for column, name in enumerate(query.features)}
    query = query.take_features(np.asarray([place[name] for name in shared]))
    skips: list[Skip] = []
    _skip(skips, "gene of the reference that the query lacks", [gene for gene in genes if gene not in place])
    empty = Target("none", np.zeros(0), target.names, target.unit)
    columns = {TOTAL: total, SET: np.full(len(query), "query", dtype=object)}
    return Dataset(query.samples, query, empty, np.arange(len(query)), "cell", columns, tuple(skips))


def read_pair(inputs: Mapping[str, Any]) -> Pair:
    """Read reference, query, labels, sets and values, match genes, and leave out what cannot be used, counted."""
    _require_whole(inputs)
    labels = None if inputs.get("labels") is None else read_labels(inputs["labels"])
    reference, query = read_matrix(inputs["reference"]), read_matrix(inputs["query"])
    reference, turned = orient(reference, labels) if labels is not None else _cells_in_rows(reference, query)
    query = _turned(query, reference.features)
    totals = reference.values.sum(axis=1), query.values.sum(axis=1)
    shared = _shared(reference.features, query.features, where="--query")
    notes: dict[str, Any] = {
        "genes": {"reference": len(reference.features), "query": len(query.features), "in both": len(shared)},
        "cells": {"reference": len(reference), "query": len(query)},
    }
    if turned:
        notes["reference turned (cells were in columns)"] = True
    place = [{name: column for column, name in enumerate(matrix.features)} for matrix in (reference, query)]
    reference = reference.take_features(np.asarray([place[0][name] for name in shared]))
    query = query.take_features(np.asarray([place[1][name] for name in shared]))
    skips: list[Skip] = []
    everyone = reference.samples
    keep = np.arange(len(everyone)) if labels is None else _usable(everyone, labels, skips)
    _skip(skips, "a label, but no reference cell", _absent(labels or {}, everyone))
    reference, first_total = reference.take(keep), totals[0][keep]
    types = np.asarray([(labels or {}).get(name, "") for name in reference.samples], dtype=object)
    given = {} if inputs.get("query_labels") is None else read_labels(inputs["query_labels"])
    query_types = np.asarray([given.get(name, "") for name in query.samples], dtype=object)
    _skip(skips, "a query label, but no query cell", _absent(given, query.samples))
    sets = _sets(inputs.get("sets"), reference.samples, query.samples, everyone, skips)
    if shared_names := sorted(set(sets[0].tolist()) & set(sets[1].tolist())):
        notes["sets named alike in reference and query"] = list_some(shared_names)
    _note_values(reference, query, notes)
    values = _values(inputs.get("values"), reference.samples, "reference", skips)
    query_values = _values(inputs.get("query_values"), query.samples, "query", skips)
    if set(reference.samples.tolist()) & set(query.samples.tolist()):
        query = replace(query, samples=np.asarray([f"query:{name}" for name in query.samples], dtype=object))
        notes["query cells renamed query:ID"] = "some have the ids of reference cells"
    return Pair(
        reference, query, (first_total, totals[1]), types, query_types, sets, values, query_values, tuple(skips), notes
    )


def _require_whole(inputs: Mapping[str, Any]) -> None:
    """What is known of the query only can be held against nothing."""
    for own, other in (("query_labels", "labels"), ("query_values", "values")):
        if inputs.get(own) is not None and inputs.get(other) is None:
            raise UsageError(
                f"--{other} of the reference are needed: what is handed over is measured by those of the query",
                where=f"--{own.replace('_', '-')}",
                got=inputs[own],
                expected=f"--{other} FILE",
            )


def _cells_in_rows(reference: Matrix, query: Matrix) -> tuple[Matrix, bool]:
    """The reference with genes in columns, and whether it turned: genes are what both files name."""
    named = set(query.samples.tolist()) | set(query.features.tolist())
    rows, columns = (sum(name in named for name in side) for side in (reference.samples, reference.features))
    if rows > columns:
        return Matrix(np.ascontiguousarray(reference.values.T), reference.features, reference.samples), True
    return reference, False


def _note_values(reference: Matrix, query: Matrix, notes: dict[str, Any]) -> None:
    """Whether the values are raw counts, and which cells have none at all."""
    both = (reference.values, query.values)
    if not all(np.nanmin(one, initial=0.0) >= 0 and (one % 1 == 0).all() for one in both):
        notes["values are not counts"] = "taken as normalised already"
    empty = [str(name) for one in (reference, query) for name in one.samples[(one.values == 0).all(axis=1)]]
    if empty:
        notes["cells without a count"] = f"{len(empty)} ({list_some(empty, most=FEW)})"


def _values(spec: Any, cells: np.ndarray, role: str, skips: list[Skip]) -> Matrix | None:
    """Further values of these cells (cell, feature), NaN for cells that the file lacks."""
    if spec is None:
        return None
    where = "--values" if role == "reference" else "--query-values"
    known = [name.removeprefix("query:") for name in cells] if role == "query" else cells.tolist()
    matrix, _ = orient(read_matrix(spec), known)
    if not set(matrix.samples.tolist()) & set(known):
        raise MismatchError(
            f"no id of a {role} cell is among the values",
            where=where,
            got=list_some(matrix.samples, most=3),
            expected=f"cells: {list_some(known, most=3)}",
        )
    _skip(skips, f"{role} cell without values", _absent(known, matrix.samples.tolist()))
    return replace(over(matrix, np.asarray(known, dtype=object)), samples=cells)


def _held_out(dataset: Dataset, options: FitOptions) -> Split:
    from chiasma.split.make import make_split

    split = make_split(dataset, options.split.replace(seed=options.seed, kind="random"))
    warning = (
        "no types of query cells were given: the figures are of held-out cells of the reference, and say nothing of "
        "the difference between reference and query"
    )
    return replace(split, warnings=(warning, *split.warnings))


def _dataset(
    matrix: Matrix, labels: np.ndarray, names: tuple[str, ...], totals: np.ndarray, sets: np.ndarray
) -> Dataset:
    code = {name: index for index, name in enumerate(names)}
    values = np.asarray([code[label] for label in labels], dtype=np.int64)
    target = Target("binary" if len(names) == 2 else "multiclass", values, names)
    columns = {TOTAL: totals, SET: sets}
    return Dataset(matrix.samples, matrix, target, np.arange(len(matrix)), "cell", columns)


def _turned(matrix: Matrix, genes: np.ndarray) -> Matrix:
    """The matrix with cells in rows, judged by which side names more genes of the reference."""
    known = set(genes.tolist())
    columns, rows = (sum(name in known for name in side) for side in (matrix.features, matrix.samples))
    if rows > columns:
        return Matrix(np.ascontiguousarray(matrix.values.T), matrix.features, matrix.samples)
    return matrix


def _shared(reference: np.ndarray, query: np.ndarray, *, where: object) -> list[str]:
    known = set(query.tolist())
    shared = [name for name in reference if name in known]
    if len(shared) < min(FEWEST_GENES, len(reference), len(query)):
        raise MismatchError(
            f"reference and query have {len(shared)} genes in common",
            where=where,
            got=f"query: {list_some(query, most=3)}",
            expected=f"reference: {list_some(reference, most=3)}",
            do="name the genes alike in both files: all symbols, or all Ensembl ids without versions",
        )
    return shared


def _usable(cells: np.ndarray, labels: Mapping[str, str], skips: list[Skip]) -> np.ndarray:
    """Places of reference cells that have a label which another cell has too."""
    known = [place for place, name in enumerate(cells) if name in labels]
    if not known:
        raise MismatchError(
            "no id of a reference cell is among the labels",
            where="--labels",
            got=f"cells: {list_some(cells, most=3)}",
            expected=f"labels: {list_some(labels, most=3)}",
            do="make the first column of the labels hold the ids of the cells",
        )
    _skip(skips, "reference cell without a label", [name for name in cells if name not in labels])
    types, counts = np.unique([labels[cells[place]] for place in known], return_counts=True)
    alone = set(types[counts == 1].tolist())
    _skip(skips, "the only reference cell of its type", [cells[p] for p in known if labels[cells[p]] in alone])
    return np.asarray([place for place in known if labels[cells[place]] not in alone], dtype=np.int64)


def _sets(
    spec: Any, reference: np.ndarray, query: np.ndarray, everyone: np.ndarray, skips: list[Skip]
) -> tuple[np.ndarray, np.ndarray]:
    """Set of each cell: `reference` or `query` where none is given. `everyone` are all cells of the reference file."""
    known = {} if spec is None else read_labels(spec)
    cells = np.concatenate([everyone, query])
    if spec is not None and not known.keys() & set(cells.tolist()):
        raise MismatchError(
            "no id of a cell is among the sets",
            where="--sets",
            got=list_some(known, most=3),
            expected=f"cells: {list_some(reference, most=3)}",
        )
    _skip(skips, "in the sets, but no cell", _absent(known, cells))
    found = []
    for role, names in (("reference", reference), ("query", query)):
        if spec is not None:
            _skip(skips, f"{role} cell without a set: in the set {role}", _absent(names, known))
        found.append(np.asarray([known.get(name, role) for name in names], dtype=object))
    return found[0], found[1]


def _absent(names: Iterable[str], known: Iterable[str]) -> list[str]:
    there = set(known)
    return [name for name in names if name not in there]


def _skip(skips: list[Skip], reason: str, names: Any) -> None:
    listed = [str(name) for name in names]
    if listed:
        skips.append(Skip(reason, len(listed), tuple(listed[:FEW])))
