"""AnnData (h5ad, Zarr) and MuData files as matrices and views, and back; both packages are imported when asked for."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_module, require_unique
from chiasma.core.errors import FormatError, InputError, RunError, unknown_name
from chiasma.data.matrix import Matrix, Views

ZARR = ".zarr"
_SPARSE = 0.5
"""Share of zeros from which X is written sparse."""


def read_h5ad(path: Path | str, *, layer: str | None = None) -> Matrix:
    """X, or a layer, of an AnnData file, .h5ad or a .zarr store; sparse matrices are made dense.

    Raises:
        FormatError: not an AnnData file. UsageError: no such layer.
    """
    return _matrix(_read_anndata(path), path, layer)


def _read_anndata(path: Path | str, *, backed: str | None = None) -> Any:
    with _reading(path, "AnnData"):
        anndata = require_module("anndata", extra="omics")
        return anndata.read_zarr(path) if str(path).endswith(ZARR) else anndata.read_h5ad(path, backed=backed)


def read_h5mu(path: Path | str, *, layer: str | None = None) -> Views:
    """All modalities of a MuData file over the union of their samples; a sample without one has NaN there."""
    with _reading(path, "MuData"):
        data = require_module("mudata", extra="omics").read_h5mu(path)
    if not data.mod:
        raise InputError("no modality", where=path, expected="one modality or more, as muon writes them")
    samples = np.asarray([str(name) for name in data.obs_names], dtype=object)
    blocks = {name: _matrix(part, f"{path}:{name}", layer) for name, part in data.mod.items()}
    return Views({name: over(block, samples) for name, block in blocks.items()})


def over(matrix: Matrix, samples: np.ndarray) -> Matrix:
    """The matrix with exactly these samples, in this order; rows of NaN for those it lacks."""
    place = {name: row for row, name in enumerate(matrix.samples)}
    values = np.full((len(samples), len(matrix.features)), np.nan)
    have = [(row, place[name]) for row, name in enumerate(samples) if name in place]
    if have:
        target, source = (list(column) for column in zip(*have))
        values[target] = matrix.values[source]
    return Matrix(values, np.asarray(samples, dtype=object), matrix.features)


def read_obs(path: Path | str) -> dict[str, list[Any]]:
    """The per-sample columns of an AnnData or MuData file; the key "" holds the sample ids.

    A MuData column kept in one modality is found as `MODALITY:COLUMN`, and as COLUMN where no other has that name.
    """
    if str(path).endswith((".h5ad", ZARR)):
        return _columns(_read_anndata(path, backed="r").obs)
    with _reading(path, "MuData"):
        data = require_module("mudata", extra="omics").read_h5mu(path)
    table = _columns(data.obs)
    for modality, part in data.mod.items():
        known = dict(zip(map(str, part.obs_names), range(part.n_obs)))
        for column in part.obs.columns:
            values = part.obs[column].tolist()
            spread = [values[known[name]] if name in known else None for name in table[""]]
            table[f"{modality}:{column}"] = spread
            table.setdefault(str(column), spread)
    return table


def write_h5ad(path: Path | str, matrix: Matrix, *, obs: Mapping[str, Any] | None = None) -> None:
    """Write a matrix as AnnData with per-sample columns `obs`."""
    with _quiet(), _whole(path) as partial:
        _anndata(matrix, obs or {}).write_h5ad(partial)


@dataclass(frozen=True, eq=False)
class Results:
    """What a method found, where scverse tools look for it.

    Attributes:
        obsm: places of the samples by name, X_NAME (sample, factor).
        varm: loadings by name (feature, factor).
        obsp: graphs of the samples by name (sample, sample), sparse or dense.
        layers: other values of the matrix by name (sample, feature).
        uns: facts by name, {NAME: {"params": ...}}; JSON-ready.
    """

    obsm: Mapping[str, np.ndarray] = field(default_factory=dict)
    varm: Mapping[str, np.ndarray] = field(default_factory=dict)
    obsp: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, np.ndarray] = field(default_factory=dict)
    uns: Mapping[str, Any] = field(default_factory=dict)


def add_results(data: Any, results: Results) -> Any:
    """Put results into an AnnData, or a MuData (which has no layers of its own), in place; the same object.

    Raises:
        InputError: an array has another length than the object's samples or features.
    """
    _require_lengths("obsm", results.obsm, data.n_obs)
    _require_lengths("obsp", results.obsp, data.n_obs)
    _require_lengths("varm", results.varm, data.n_vars)
    parts: dict[str, Mapping[str, Any]] = {"obsm": results.obsm, "obsp": results.obsp, "varm": results.varm}
    if getattr(data, "layers", None) is not None:
        _require_lengths("layers", results.layers, data.n_obs)
        parts["layers"] = results.layers
    elif results.layers:
        raise InputError(
            "a MuData keeps no layers",
            got=", ".join(results.layers),
            do="add to its parts",
        )
    for place, found in parts.items():
        for name, values in found.items():
            getattr(data, place)[name] = values
    for name, facts in results.uns.items():
        data.uns[name] = _storable(facts)
    return data


def write_results(path: Path | str, matrix: Matrix, results: Results, *, obs: Mapping[str, Any] | None = None) -> None:
    """Write a matrix with results as AnnData, .h5ad or .zarr, per-sample columns `obs`; NaN in X where missing."""
    with _quiet(), _whole(path) as partial:
        data = add_results(_anndata(matrix, obs or {}), results)
        if str(path).endswith(ZARR):
            data.write_zarr(partial)
        else:
            data.write_h5ad(partial)


def write_h5mu(
    path: Path | str,
    views: Views,
    *,
    obs: Mapping[str, Any] | None = None,
    results: Results | None = None,
    parts: Mapping[str, Results] | None = None,
) -> tuple[str, ...]:
    """Write views as MuData; samples that a view lacks are left out of it.

    Args:
        path: ends in .h5mu.
        views: the modalities; none has a row for a sample that it did not measure.
        obs: columns over all samples.
        results: what is of all samples, in their order, or of all features, view after view.
        parts: what is of single views, by name, over all samples, too.

    Returns:
        Samples without a value in any view: a MuData has no place for them.
    """
    mudata = require_module("mudata", extra="omics")
    present = views.present()
    place = {str(name): row for row, name in enumerate(views.samples)}
    with _quiet(), _whole(path) as partial:
        modalities = {}
        for name, block in views.blocks.items():
            own = _rows((parts or {}).get(name, Results()), np.flatnonzero(present[name]))
            modalities[name] = add_results(_anndata(block.take(present[name]), {}), own)
        data = mudata.MuData(modalities)
        order = np.asarray([place[name] for name in data.obs_names], dtype=np.int64)
        for column, values in (obs or {}).items():
            data.obs[column] = np.asarray(values)[order]
        add_results(data, _rows(results or Results(), order)).write(str(partial))
    return tuple(name for name in place if name not in set(data.obs_names))


def _rows(results: Results, index: np.ndarray) -> Results:
    """Results of some samples (integers)."""
    obsm = {name: values[index] for name, values in results.obsm.items()}
    obsp = {name: values[index][:, index] for name, values in results.obsp.items()}
    layers = {name: values[index] for name, values in results.layers.items()}
    return replace(results, obsm=obsm, obsp=obsp, layers=layers)


def _require_lengths(place: str, found: Mapping[str, Any], length: int) -> None:
    for name, values in found.items():
        if values.shape[0] != length:
            raise InputError(f"{place}[{name!r}] has another length", got=values.shape[0], expected=length)


def _storable(facts: Any) -> Any:
    """Facts that HDF5 can hold: absent ones left out, tuples as lists."""
    if isinstance(facts, Mapping):
        return {str(name): _storable(value) for name, value in facts.items() if value is not None}
    return list(facts) if isinstance(facts, tuple) else facts


def _anndata(matrix: Matrix, obs: Mapping[str, Any]) -> Any:
    import pandas as pd

    anndata = require_module("anndata", extra="omics")
    rows = pd.DataFrame({name: list(values) for name, values in obs.items()}, index=[str(s) for s in matrix.samples])
    values: Any = matrix.values
    if values.size and (values == 0).mean() > _SPARSE:
        import scipy.sparse as sp

        values = sp.csr_matrix(values)
    return anndata.AnnData(values, obs=rows, var=pd.DataFrame(index=[str(f) for f in matrix.features]))


def _matrix(data: Any, where: object, layer: str | None) -> Matrix:
    if layer is not None and layer not in data.layers:
        raise unknown_name(f"layer of {where}", layer, data.layers)
    values = data.X if layer is None else data.layers[layer]
    if values is None:
        raise InputError("the matrix X is absent", where=where, do="name a layer")
    dense = np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)
    samples = np.asarray([str(name) for name in data.obs_names], dtype=object)
    features = np.asarray([str(name) for name in data.var_names], dtype=object)
    require_unique(list(samples), what="sample id", where=where)
    require_unique(list(features), what="feature name", where=where)
    matrix = Matrix(dense, samples, features)
    if np.isinf(dense).any():
        row, column = np.argwhere(np.isinf(dense))[0]
        raise InputError(
            "infinite values",
            where=f"{where}: row {samples[row]}, column {features[column]}",
            expected="finite numbers, or none for a missing value",
        )
    return matrix


def _columns(obs: Any) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {"": [str(name) for name in obs.index]}
    for name in obs.columns:
        table[str(name)] = [None if value != value else value for value in obs[name].tolist()]
    return table


@contextmanager
def _whole(path: Path | str) -> Iterator[Path]:
    """A name to write to, renamed to `path` when all went well and removed otherwise."""
    path = Path(path)
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if path.is_dir():  # a Zarr store is a folder; another one is not ours to remove
            if not any((path / name).exists() for name in ("zarr.json", ".zgroup")):
                raise RunError(
                    "cannot write: a folder that is no Zarr store is there", where=path, do="choose another name"
                )
            shutil.rmtree(path)
        os.replace(partial, path)
    except OSError as error:
        raise RunError(f"cannot write: {error}", where=path, do="choose another folder, or free some space") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Both packages warn of their own coming changes; the reader of our messages can do nothing about that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _reading(path: Path | str, what: str) -> Iterator[None]:
    if not (Path(path).is_dir() if str(path).endswith(ZARR) else Path(path).is_file()):
        raise InputError("no such file", where=path, do="check the path")
    try:
        with _quiet():
            yield
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FormatError(
            f"not a readable {what} file", where=path, got=str(error)[:200], do="write it anew"
        ) from error
