"""Counts as 10x Genomics' tools write them: a folder of matrix, barcodes and genes, or one HDF5 file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import FormatError, InputError
from chiasma.data.matrix import Matrix

_BARCODES = ("barcodes.tsv", "barcodes.tsv.gz")
_GENES = ("features.tsv", "features.tsv.gz", "genes.tsv", "genes.tsv.gz")
_MATRIX = ("matrix.mtx", "matrix.mtx.gz")


def is_tenx(path: Path | str) -> bool:
    """Whether a path looks like such counts: .mtx, .mtx.gz, .h5, or a folder that holds a matrix.mtx."""
    path = Path(path)
    if path.is_dir():
        return any((path / name).is_file() for name in _MATRIX)
    return path.name.endswith((".mtx", ".mtx.gz", ".h5"))


def read_tenx(path: Path | str) -> Matrix:
    """Counts with cells in rows and genes in columns, genes by symbol; repeated symbols get their id or a number.

    Args:
        path: a folder with matrix.mtx, barcodes.tsv and genes.tsv or features.tsv (each also .gz), the .mtx itself
            with the others beside it, or an .h5 of Cell Ranger 3 or later.

    Raises:
        InputError: a file is missing. FormatError: it is not such a file, or the sizes disagree.
    """
    path = Path(path)
    if path.suffix == ".h5":
        return _read_h5(path)
    folder = path if path.is_dir() else path.parent
    matrix = _find(folder, _MATRIX) if path.is_dir() else path
    barcodes, genes = _lines(_find(folder, _BARCODES)), _lines(_find(folder, _GENES))
    values = _read_mtx(matrix)
    cells = [line[0] for line in barcodes]
    names = unique_names([line[0] for line in genes], [line[min(1, len(line) - 1)] for line in genes])
    if values.shape == (len(names), len(cells)):
        values = np.ascontiguousarray(values.T)
    if values.shape != (len(cells), len(names)):
        raise FormatError(
            "sizes disagree",
            where=matrix,
            got=f"a matrix of {values.shape[0]} x {values.shape[1]}",
            expected=f"{len(names)} genes x {len(cells)} cells",
        )
    return Matrix(values, np.asarray(cells, dtype=object), np.asarray(names, dtype=object))


def unique_names(ids: list[str], symbols: list[str]) -> list[str]:
    """Symbols, each once: a repeated one is followed by its id, or by a number where ids repeat or are the same."""
    seen: dict[str, int] = {}
    for symbol in symbols:
        seen[symbol] = seen.get(symbol, 0) + 1
    taken: set[str] = set()
    names = []
    for gene, symbol in zip(ids, symbols):
        name = symbol if seen[symbol] == 1 or gene == symbol else f"{symbol}-{gene}"
        number = 1
        while name in taken:
            name, number = f"{symbol}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def _find(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError("a file of 10x counts is missing", where=folder, expected=" or ".join(names))


def _lines(path: Path) -> list[list[str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as handle:
            return [line.rstrip("\r\n").split("\t") for line in handle if line.strip()]
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise FormatError("not a readable list of names", where=path, got=error, expected="one name a line") from error


def _read_mtx(path: Path) -> np.ndarray:
    from scipy.io import mmread

    if not path.is_file():
        raise InputError("no such file", where=path, do="check the path")
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as handle:
                found = mmread(handle)
        else:
            found = mmread(path)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(
            "not a Matrix Market file", where=path, got=error, expected="%%MatrixMarket matrix"
        ) from error
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)


def _read_h5(path: Path) -> Matrix:
    import scipy.sparse as sp

    h5py = require_module("h5py", extra="omics")
    if not path.is_file():
        raise InputError("no such file", where=path, do="check the path")
    try:
        with h5py.File(path, "r") as file:
            group = file["matrix"]
            parts = (group["data"][:], group["indices"][:], group["indptr"][:])
            shape = tuple(int(size) for size in group["shape"][:])
            cells = [name.decode() for name in group["barcodes"][:]]
            features = group["features"]
            ids = [name.decode() for name in features["id"][:]]
            symbols = [name.decode() for name in features["name"][:]]
    except (OSError, KeyError) as error:
        raise FormatError(
            "not 10x counts of Cell Ranger 3 or later", where=path, got=str(error)[:200], expected="a group 'matrix'"
        ) from error
    values = sp.csc_matrix(parts, shape=shape).T.toarray().astype(np.float64)
    names = np.asarray(unique_names(ids, symbols), dtype=object)
    return Matrix(np.ascontiguousarray(values), np.asarray(cells, dtype=object), names)
