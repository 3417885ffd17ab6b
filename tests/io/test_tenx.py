"""10x counts: folders, .mtx, .h5, repeated symbols, files that disagree."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.io import mmwrite

from chiasma.core.errors import FormatError, InputError
from chiasma.io.tables import read_matrix
from chiasma.io.tenx import is_tenx, read_tenx, unique_names

COUNTS = np.array([[0, 2, 1, 0], [5, 0, 0, 1], [0, 0, 3, 0]])  # cell, gene
CELLS = ["AAA-1", "CCC-1", "GGG-1"]
GENES = [("ENSG1", "ACTB"), ("ENSG2", "MATR3"), ("ENSG3", "MATR3"), ("ENSG4", "CD3E")]


def folder(path: Path, *, zipped: bool) -> Path:
    path.mkdir()
    mmwrite(path / "matrix.mtx", sp.coo_matrix(COUNTS.T))
    (path / "barcodes.tsv").write_text("".join(f"{cell}\n" for cell in CELLS))
    name = "features.tsv" if zipped else "genes.tsv"
    (path / name).write_text("".join(f"{gene}\t{symbol}\tGene Expression\n" for gene, symbol in GENES))
    if zipped:
        for one in list(path.iterdir()):
            with gzip.open(f"{one}.gz", "wb") as handle:
                handle.write(one.read_bytes())
            one.unlink()
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_folder_and_matrix_file(tmp_path: Path, zipped: bool) -> None:
    path = folder(tmp_path / "x", zipped=zipped)
    for source in (path, path / ("matrix.mtx.gz" if zipped else "matrix.mtx")):
        assert is_tenx(source)
        found = read_matrix(source)
        np.testing.assert_array_equal(found.values, COUNTS)
        assert list(found.samples) == CELLS
        assert list(found.features) == ["ACTB", "MATR3-ENSG2", "MATR3-ENSG3", "CD3E"]
    assert not is_tenx(tmp_path) and not is_tenx("a.csv")


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    packed = sp.csc_matrix(COUNTS.T)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(packed, name)
        group["shape"], group["barcodes"] = packed.shape, np.array(CELLS, dtype="S")
        group["features/id"], group["features/name"] = (np.array(x, dtype="S") for x in zip(*GENES))
    np.testing.assert_array_equal(read_matrix(tmp_path / "c.h5").values, COUNTS)
    (tmp_path / "d.h5").write_bytes(b"no")
    with pytest.raises(FormatError, match="10x"):
        read_tenx(tmp_path / "d.h5")


def test_files_that_are_missing_or_disagree(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", zipped=False)
    (path / "barcodes.tsv").write_text("AAA-1\n")
    with pytest.raises(FormatError, match="sizes disagree"):
        read_tenx(path)
    (path / "barcodes.tsv").unlink()
    with pytest.raises(InputError, match="missing"):
        read_tenx(path)
    (path / "barcodes.tsv").write_text("\n".join(CELLS))
    (path / "matrix.mtx").write_text("not a matrix")
    with pytest.raises(FormatError, match="Matrix Market"):
        read_tenx(path)


def test_names_are_unique_whatever_repeats() -> None:
    names = unique_names(["a", "b", "b", "c"], ["x", "x", "x", "c"])
    assert len(set(names)) == 4 and names[0] == "x-a" and names[3] == "c"
