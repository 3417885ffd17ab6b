"""Predictions as AnnData or MuData: values, places of the samples, probabilities, loadings, where scverse looks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.fit.contracts import STUDY, ask
from chiasma.io.containers import Results, write_h5mu, write_results
from chiasma.workflow.fitted import Fitted, as_frames
from chiasma.workflow.fitting.head import representation_of
from chiasma.workflow.predicting.pair import place_names

LOADINGS = {"pca": "PCs"}
"""What scanpy calls the loadings of a method, where it has a name for them; of others, as of MOFA in muon, LFs."""


def write_container(path: Path | str, fitted: Fitted, data: Dataset, columns: Mapping[str, Any]) -> list[str]:
    """Write a prediction on matrices or views as AnnData (.h5ad, .zarr) or MuData (.h5mu).

    Places of the samples are obsm["X_METHOD"], of methods that place them view by view those of each modality, loadings
    varm["LFs"] ("PCs" of pca), settings uns["METHOD"]["params"], shares of variance uns["METHOD"]["variance"], all
    other columns obs. An AnnData of several views has the samples and no X.

    Args:
        path: where to.
        fitted: the model.
        data: the samples that were predicted.
        columns: id first, as `predict` gives them.

    Returns:
        Remarks: samples that have no place in a MuData.

    Raises:
        UsageError: no matrix or views, or a MuData of one matrix.
    """
    if not isinstance(data.x, Matrix | Views):
        raise UsageError("only matrices and views go into a container", where=path, do="write .parquet or .tsv")
    key = fitted.method.name.replace("-", "_")
    obsm, parts_obsm = _places(fitted, data, columns, key)
    taken = {"id", *_place_columns(fitted, columns)}
    obs = {name: np.asarray(values) for name, values in columns.items() if name not in taken}
    loadings = _loadings(fitted, data.x)
    slot, uns = LOADINGS.get(fitted.method.name, "LFs"), {key: _facts(fitted)}
    if str(path).endswith(".h5mu"):
        if not isinstance(data.x, Views):
            raise UsageError(
                "a MuData holds several views", where=path, got=f"one matrix ({fitted.method.name})", do="write .h5ad"
            )
        parts = {
            view: Results(
                obsm={f"X_{key}": parts_obsm[view]} if view in parts_obsm else {},
                varm={slot: loadings[view]} if view in loadings else {},
            )
            for view in data.x.blocks
        }
        whole = {}
        if len(loadings) == len(data.x.blocks) and len({values.shape[1] for values in loadings.values()}) == 1:
            whole[slot] = np.vstack([loadings[view] for view in data.x.blocks])
        lost = write_h5mu(path, data.x, obs=obs, results=Results(obsm=obsm, varm=whole, uns=uns), parts=parts)
        return [f"{len(lost)} samples without a value in any view are not in {path}"] if lost else []
    if isinstance(data.x, Views):
        matrix = Matrix(np.zeros((len(data), 0)), data.ids, np.zeros(0, dtype=object))
        joint = {f"X_{key}_{view}": values for view, values in parts_obsm.items()}
        write_results(path, matrix, Results(obsm={**joint, **obsm}, uns=uns), obs=obs)
        return []
    varm = {slot: loadings["x"]} if "x" in loadings else {}
    matrix = Matrix(data.x.values, data.ids, data.x.features)
    write_results(path, matrix, Results(obsm=obsm, varm=varm, uns=uns), obs=obs)
    return []


def _place_columns(fitted: Fitted, columns: Mapping[str, Any]) -> list[str]:
    """Columns that are axes of a space."""
    names = fitted.meta.get("factors") or place_names(fitted, len(columns))
    return [name for name in names if name in columns]


def _places(
    fitted: Fitted, data: Dataset, columns: Mapping[str, Any], key: str
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Where the samples lie (sample, factor): on what all views share by name, and view by view."""
    obsm = {}
    if names := _place_columns(fitted, columns):
        obsm[f"X_{key}"] = np.column_stack([columns[name] for name in names])
    model = representation_of(fitted.model)
    if fitted.method.card.data == "pair" or not hasattr(model, "transform"):
        return obsm, {}
    if names and not isinstance(data.x, Views):
        return obsm, {}
    found = ask(model.transform, as_frames(data.x, fitted.meta.get("features")), study=data.columns.get(STUDY))
    if isinstance(found, Mapping):
        return obsm, {str(view): np.asarray(values) for view, values in found.items()}
    return obsm if names else {f"X_{key}": np.asarray(found)}, {}


def _loadings(fitted: Fitted, x: Matrix | Views) -> dict[str, np.ndarray]:
    """Loadings of the features at hand (feature, factor), by view, "x" for one matrix; NaN for features not learnt."""
    model = representation_of(fitted.model)
    if not hasattr(model, "loadings"):
        return {}
    blocks = x.blocks if isinstance(x, Views) else {"x": x}
    tables = model.loadings()
    if isinstance(x, Matrix) and len(tables) == 1:
        tables = {"x": next(iter(tables.values()))}
    return {
        view: tables[view].reindex(blocks[view].features).to_numpy(dtype=np.float64)
        for view in blocks
        if view in tables
    }


def _facts(fitted: Fitted) -> dict[str, Any]:
    """Settings, and the share of each view's variance that each factor explains, where the method tells."""
    facts: dict[str, Any] = {"params": fitted.config.model_dump(mode="json")}
    model = representation_of(fitted.model)
    if hasattr(model, "explained"):
        table = model.explained()
        facts["variance"] = {str(view): row.to_numpy(dtype=np.float64) for view, row in table.iterrows()}
    return facts
