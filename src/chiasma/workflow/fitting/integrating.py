"""The query of a pair brought to the reference: types of all its cells, corrected values, figures of mixing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import read_json, write_json
from chiasma.data.matrix import Matrix
from chiasma.metrics.mixing import conservation, mixing, neighbours_kept
from chiasma.stats.cells.counts import log_normalise
from chiasma.stats.cells.pair_transfer import SET, TOTAL, Aligned
from chiasma.stats.graphs.knn import nearest_others
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.imputing import impute
from chiasma.workflow.loading.pair import Pair, query_dataset, read_pair

NEIGHBOURS = 90
"""Neighbours looked at: three times the perplexity of the local inverse Simpson index."""
NEAR = 30
"""Neighbours within its own set that a cell should keep."""
UNALIGNED = "unaligned"


def integrate(fitted: Fitted, inputs: Mapping[str, Any], *, folder: Path) -> None:
    """Write `integrated/`, the figure of it, and the figures of mixing into metrics.json.

    The folder holds query_types.parquet (id, type, score, p_CLASS) where the reference has types, cells.parquet (id,
    set, type and places before and after), corrected.parquet and anchors.parquet where the method has them,
    imputed.parquet with its checks where values were given, mixing.json, and integrated.h5ad with all of it where
    anndata is installed. Where there are no types, metrics.json and compare.json are of mixing alone.

    Args:
        fitted: the procedure with its reference, the one that was evaluated.
        inputs: of the run.
        folder: the run folder.
    """
    pair = read_pair(inputs)
    query = query_dataset(pair, fitted.target)
    aligned = fitted.model.align(query)
    reference = fitted.model.reference_
    known = dict(zip(pair.query.samples.tolist(), pair.query_labels.tolist()))
    types = [fitted.target.names[code] for code in fitted.model.codes_] or [""] * len(reference)
    types += [known[name] for name in pair.query.samples.tolist()]
    cells = {
        "id": [*map(str, reference.samples), *map(str, pair.query.samples)],
        "set": [*map(str, fitted.model.sets_), *map(str, pair.sets[1])],
        "role": ["reference"] * len(reference) + ["query"] * len(pair.query),
        "type": types,
    }
    out = folder / "integrated"
    out.mkdir(exist_ok=True)
    if fitted.target.names:
        _write_types(out / "query_types.parquet", fitted, cells["id"][len(reference) :], aligned)
    _write_cells(out / "cells.parquet", cells, aligned)
    _write_corrected(out, pair, aligned)
    asked, found = fitted.config.ncomp, aligned.facts["components"]  # type: ignore[attr-defined]
    if found < asked:
        print(f"{asked} components were asked for, {found} found: the smaller set holds no more", file=sys.stderr)
    sets = _set_names(cells, same_sets=getattr(fitted.config, "same_sets", False))
    figures = mixing_figures(aligned, sets, types)
    if figures["after"]["ilisi"] < figures["before"]["ilisi"]:
        print(f"{_mixes(figures)}: where sets do not differ, there is nothing to align", file=sys.stderr)
    record = {**figures, "alignment": aligned.facts}
    if pair.values is not None:
        record["imputation"] = impute(fitted, pair, query, aligned, folder=out)
    write_json(out / "mixing.json", record)
    if fitted.target.kind == "none":
        _write_figures(folder, fitted, figures)
    write_json(folder / "metrics.json", {**read_json(folder / "metrics.json"), "integration": record})
    _draw(folder / "figures", fitted, aligned, (sets, types), figures)
    _write_container(out / "integrated.h5ad", fitted, pair, aligned, cells)


def mixing_figures(aligned: Aligned, sets: list[str], types: list[str]) -> dict[str, Any]:
    """How sets mix, types stay apart (where two or more are known) and neighbours within a set stay neighbours, before
    and after: each figure from 0 to 1, higher is better.
    """
    set_codes = np.unique(sets, return_inverse=True)[1]
    typed = np.flatnonzero(np.asarray(types, dtype=object) != "")
    type_codes = np.unique([types[cell] for cell in typed], return_inverse=True)[1]
    found: dict[str, Any] = {}
    for name, space in (("before", aligned.before), ("after", aligned.after)):
        near = nearest_others(space, NEIGHBOURS)
        row = mixing(near.index, near.distance, set_codes)
        if len(np.unique(type_codes)) > 1:
            some = near if len(typed) == len(space) else nearest_others(space[typed], NEIGHBOURS)
            row |= conservation(some.index, some.distance, type_codes, space[typed])
        found[name] = row
    found["before"]["neighbours_kept"] = 1.0
    found["after"]["neighbours_kept"] = _kept(aligned, set_codes)
    return {**found, "cells": len(sets), "cells of known type": len(typed), "neighbours": NEIGHBOURS}


def _kept(aligned: Aligned, set_codes: np.ndarray) -> float:
    """Share of each cell's nearest cells of its own set that still are, weighed by the cells of each set."""
    shares, sizes = [], []
    for code in range(int(set_codes.max()) + 1):
        member = np.flatnonzero(set_codes == code)
        if len(member) <= NEAR + 1:
            continue  # nearly all its cells would be neighbours
        before, after = (nearest_others(space[member], NEAR).index for space in (aligned.before, aligned.after))
        shares.append(neighbours_kept(before, after))
        sizes.append(len(member))
    return float(np.average(shares, weights=sizes)) if sizes else float("nan")


def _write_figures(folder: Path, fitted: Fitted, figures: Mapping[str, Any]) -> None:
    """metrics.json and compare.json of an alignment without types: how sets mix beside how they mixed before."""

    def described(row: Mapping[str, float]) -> dict[str, Any]:
        return {name: {"value": value, "low": None, "high": None, "unit": "cell"} for name, value in row.items()}

    before, after, name = figures["before"], figures["after"], fitted.method.name
    document = {"test": described(after), "baselines": {UNALIGNED: described(before)}, "primary": "ilisi"}
    conditions = {"seed": fitted.model.seed_, "unit_name": "cell", "n": figures["cells"]}
    write_json(folder / "metrics.json", {**document, "conditions": conditions})
    verdict = (
        f"{name}: {_mixes(figures)} (ilisi, 0 apart to 1 mixed), and "
        f"{after['neighbours_kept']:.3f} of each cell's {NEAR} nearest neighbours in its own set stay."
    )
    limits = [
        "Without types nothing can be said of whether cells that were brought together are of one kind.",
        "Sets that share no kind of cell should not mix: a higher figure is better only where they do.",
    ]
    record = {"method": name, "cost": {name: read_json(folder / "cost.json")}, "primary": "ilisi", "pairs": []}
    write_json(folder / "compare.json", {**record, "verdict": verdict, "may_not_claim": limits})


def _mixes(figures: Mapping[str, Any]) -> str:
    """Whether the sets mix more or less than before, in words."""
    before, after = (figures[name]["ilisi"] for name in ("before", "after"))
    return f"the sets mix {'less' if after < before else 'more'} than before, {before:.3f} to {after:.3f}"


def _set_names(cells: Mapping[str, list[str]], *, same_sets: bool) -> list[str]:
    """Set of each cell, with its role where reference and query share the name of one that is not the same set."""
    pairs = list(zip(cells["role"], cells["set"]))
    if same_sets or len(set(pairs)) == len(set(cells["set"])):
        return cells["set"]
    return [f"{role}: {name}" for role, name in pairs]


def _write_types(path: Path, fitted: Fitted, ids: list[str], aligned: Aligned) -> None:
    """Type, its score (the largest probability) and all probabilities of every query cell."""
    best = aligned.probabilities.argmax(axis=1)
    columns: dict[str, Any] = {
        "id": ids,
        "type": [fitted.target.names[code] for code in best],
        "score": aligned.probabilities.max(axis=1),
    }
    columns |= {f"p_{name}": aligned.probabilities[:, code] for code, name in enumerate(fitted.target.names)}
    _write_table(path, columns)


def _write_cells(path: Path, cells: Mapping[str, list[str]], aligned: Aligned) -> None:
    columns: dict[str, Any] = dict(cells)
    for name, space in (("before", aligned.before), ("after", aligned.after)):
        columns |= {f"{name}{axis + 1}": space[:, axis] for axis in range(space.shape[1])}
    _write_table(path, columns)


def _write_corrected(out: Path, pair: Pair, aligned: Aligned) -> None:
    from chiasma.io.tables import write_matrix

    if aligned.corrected is not None and aligned.genes is not None:
        write_matrix(out / "corrected.parquet", Matrix(aligned.corrected, pair.query.samples, aligned.genes))
    if aligned.anchors is not None:
        _write_table(out / "anchors.parquet", aligned.anchors)


def _write_table(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    with atomic_write(path, "wb") as handle:
        pq.write_table(pa.table(dict(columns)), handle)


def _draw(
    folder: Path, fitted: Fitted, aligned: Aligned, words: tuple[list[str], list[str]], figures: Mapping[str, Any]
) -> None:
    from chiasma.plot.integration import plot_integration, plot_mixing
    from chiasma.plot.style import save_figure

    places = {"before": aligned.before, f"after {fitted.method.name}": aligned.after}
    save_figure(folder, plot_integration(places, *words))
    save_figure(folder, plot_mixing(figures["before"], figures["after"]))


def _write_container(path: Path, fitted: Fitted, pair: Pair, aligned: Aligned, cells: Mapping[str, list[str]]) -> None:
    from importlib.util import find_spec

    if find_spec("anndata") is None:
        return
    from chiasma.io.containers import Results, write_results

    reference, query = fitted.model.reference_, pair.query
    place = {name: column for column, name in enumerate(reference.features)}
    genes = aligned.genes if aligned.genes is not None else query.features
    chosen = np.asarray([place[name] for name in genes])
    values = np.vstack([reference.values[:, chosen], query.values[:, _columns(query, genes)]])
    if values.min() >= 0 and (values % 1 == 0).all():
        values = log_normalise(values, total=np.concatenate([fitted.model.totals_, pair.totals[1]]))
    ids = np.asarray(cells["id"], dtype=object)
    n = len(reference)
    obs: dict[str, Any] = {
        SET: cells["set"],
        "role": cells["role"],
        "type": cells["type"],
        TOTAL: np.concatenate([fitted.model.totals_, pair.totals[1]]),
    }
    if fitted.target.names:
        best, score = aligned.probabilities.argmax(axis=1), aligned.probabilities.max(axis=1)
        obs["predicted_type"] = [*cells["type"][:n], *(fitted.target.names[code] for code in best)]
        obs["prediction_score"] = np.concatenate([np.full(n, np.nan), score])
    layers = {}
    if aligned.corrected is not None:
        layers["corrected"] = np.vstack([values[:n], aligned.corrected])
    key = fitted.method.name.replace("-", "_")
    results = Results(
        obsm={"X_pca": aligned.before, f"X_{key}": aligned.after},
        layers=layers,
        uns={key: {"params": fitted.config.model_dump(mode="json"), "alignment": aligned.facts}},
    )
    write_results(path, Matrix(values, ids, np.asarray(genes, dtype=object)), results, obs=obs)


def _columns(matrix: Matrix, genes: np.ndarray) -> np.ndarray:
    place = {name: column for column, name in enumerate(matrix.features)}
    return np.asarray([place[name] for name in genes])
