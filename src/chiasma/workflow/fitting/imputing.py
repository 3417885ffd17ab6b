"""Values that only the reference has, foreseen in the query cells, and a check on genes hidden from the query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix
from chiasma.io.containers import over
from chiasma.io.tables import write_matrix
from chiasma.stats.cells.imputation import imputation_summary, imputation_table
from chiasma.stats.cells.pair_transfer import Aligned, neighbour_shares
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.loading.pair import Pair

HIDDEN_SHARE, MOST_HIDDEN, NEIGHBOURS = 0.1, 200, 20
"""Share and number of the genes used that are hidden at most, and reference cells that the simple guess asks."""
_SIMPLE = ("neighbours without alignment", "mean of the reference")


def impute(fitted: Fitted, pair: Pair, query: Dataset, aligned: Aligned, *, folder: Path) -> dict[str, Any]:
    """Write imputed.parquet (query cell, feature) and what it is worth.

    A tenth of the genes that the alignment uses is hidden from the query, which is aligned again without them; they are
    foreseen from the reference and held against what was measured: imputed_hidden_genes.parquet. Values of the query
    that are known, though they took no part, are held against in the same way: imputed_known.parquet. Beside both
    stand the mean of the nearest reference cells without alignment, and the mean of all reference cells.

    Returns:
        JSON-ready summaries of both.
    """
    assert pair.values is not None
    model, name = fitted.model, fitted.method.name
    values = over(pair.values, model.reference_.samples)
    found = aligned.impute(values.values)
    write_matrix(folder / "imputed.parquet", Matrix(found, query.ids, values.features))
    record: dict[str, Any] = {"features imputed": len(values.features)}
    hidden, truth, again, reference = _hidden(fitted, query)
    table = _table(name, truth, hidden, again, reference)
    _write(folder / "imputed_hidden_genes.parquet", table)
    record["genes hidden from the query"] = imputation_summary(table, name, _SIMPLE)
    if pair.query_values is not None:
        place = {feature: column for column, feature in enumerate(values.features)}
        both = [column for column, feature in enumerate(pair.query_values.features) if feature in place]
        features = pair.query_values.features[both]
        shown = values.values[:, [place[feature] for feature in features]]
        table = _table(name, pair.query_values.values[:, both], features, aligned, shown)
        _write(folder / "imputed_known.parquet", table)
        record["values known of the query"] = imputation_summary(table, name, _SIMPLE)
    return record


def _hidden(fitted: Fitted, query: Dataset) -> tuple[np.ndarray, np.ndarray, Aligned, np.ndarray]:
    """Genes hidden, their values in the query, the alignment without them, and their values in the reference."""
    cells = fitted.model.cells(query)
    count = max(1, min(MOST_HIDDEN, round(HIDDEN_SHARE * len(cells.genes))))
    chosen = np.sort(generator(fitted.model.seed_, "hidden genes").permutation(len(cells.genes))[:count])
    hidden, n = cells.genes[chosen], cells.n_reference
    assert isinstance(query.x, Matrix)
    shown = query.x.take_features(np.flatnonzero(~np.isin(query.x.features, hidden)))
    again = fitted.model.align(replace(query, x=shown))
    return hidden, cells.values[n:, chosen], again, cells.values[:n, chosen]


def _table(
    name: str, truth: np.ndarray, features: np.ndarray, aligned: Aligned, reference: np.ndarray
) -> dict[str, np.ndarray]:
    plain = replace(aligned, shares=neighbour_shares(aligned.before, len(reference), k=NEIGHBOURS))
    known = ~np.isnan(reference)
    total = np.where(known, reference, 0.0).sum(axis=0)
    mean = np.divide(total, known.sum(axis=0), out=np.full(len(total), np.nan), where=known.any(axis=0))
    guesses = (aligned.impute(reference), plain.impute(reference), np.tile(mean, (len(truth), 1)))
    return imputation_table(truth, features, dict(zip((name, *_SIMPLE), guesses, strict=True)))


def _write(path: Path, table: dict[str, np.ndarray]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    with atomic_write(path, "wb") as handle:
        pq.write_table(pa.table({name: list(column) for name, column in table.items()}), handle)
