"""Tables: round trips, the habits of R, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import FormatError, InputError, UsageError
from chiasma.data.matrix import Matrix, Views
from chiasma.io.containers import over, read_h5ad, read_h5mu, read_obs, write_h5ad, write_h5mu
from chiasma.io.tables import orient, read_labels, read_matrix, split_column, write_labels, write_matrix

SUFFIXES = [".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet", ".h5ad"]


def make_matrix() -> Matrix:
    values = np.array([[1.5, np.nan, -3e-17], [0.1 + 0.2, 1e300, 0.0]])
    features = np.asarray(["TP53", 'odd, "name"', "hsa-mir-17"], dtype=object)
    return Matrix(values, np.asarray(["A0FJ", "7"], dtype=object), features)


def assert_same(one: Matrix, two: Matrix) -> None:
    np.testing.assert_array_equal(one.values, two.values)
    assert one.samples.tolist() == two.samples.tolist()
    assert one.features.tolist() == two.features.tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_is_exact(tmp_path, suffix):
    path, matrix = tmp_path / f"m{suffix}", make_matrix()
    write_h5ad(path, matrix) if suffix == ".h5ad" else write_matrix(path, matrix)
    assert_same(read_matrix(path), matrix)
    assert_same(read_matrix(path, transpose=True), Matrix(matrix.values.T, matrix.features, matrix.samples))
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "something half-written was left"


@given(st.lists(st.floats(allow_infinity=False), min_size=2, max_size=6))
def test_any_number_survives_text(tmp_path_factory, numbers):
    path = tmp_path_factory.getbasetemp() / "numbers.tsv"
    names = np.asarray([f"f{index}" for index in range(len(numbers))], dtype=object)
    matrix = Matrix(np.array([numbers]), np.asarray(["s"], dtype=object), names)
    write_matrix(path, matrix)
    assert_same(read_matrix(path), matrix)


@pytest.mark.parametrize(
    "text",
    [
        '"","g1","g2"\n"a",1,NA\n"b",3,4\n',  # write.csv of R
        "g1\tg2\na\t1\tNA\nb\t3\t4\n",  # write.table of R: no cell above the row names
        "id;g1;g2\r\na;1;\r\nb;3;4\r\n",
        "\ufeffid,g1,g2\na, 1 ,nan\n\nb,3,4e0\n",
    ],
    ids=["write.csv", "write.table", "semicolons", "byte-order mark"],
)
def test_dialects(tmp_path, text):
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = read_matrix(path)
    np.testing.assert_array_equal(found.values, [[1, np.nan], [3, 4]])
    assert found.samples.tolist() == ["a", "b"] and found.features.tolist() == ["g1", "g2"]


BAD = {
    "": ("empty", FormatError),
    "id,g1\n": ("nothing below", FormatError),
    "id,g1,g2\na,1,2\nb,1\n": ("line 3", FormatError),
    "id,g1\na,1,2\nb,1\n": ("different length", FormatError),
    "id,g1,g2\na,1,2\nb,high,2\n": ("row b, column g1", FormatError),
    "id,g1,g2\na,1,2\nb,1_0,2\n": ("row b, column g1", FormatError),
    "id,g1,g2\na,1,2\nb,1,-inf\n": ("row b, column g2", InputError),
    "id,g1,g2\na,1,2\na,3,4\n": ("duplicate sample id", InputError),
    "id,g1,g1\na,1,2\nb,3,4\n": ("duplicate feature name", InputError),
    "id\na\nb\n": ("only one column", FormatError),
}


@pytest.mark.parametrize("text", BAD, ids=[message for message, _ in BAD.values()])
def test_bad_tables_say_what_is_wrong_and_where(tmp_path, text):
    message, kind = BAD[text]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(kind, match=message) as caught:
        read_matrix(path)
    assert "bad.csv" in str(caught.value)
    assert caught.value.exit_code == 3


def test_truncated_gzip_binary_and_absent(tmp_path):
    path = tmp_path / "cut.csv.gz"
    random = np.random.default_rng(0).standard_normal((50, 20))
    names = np.asarray([f"n{index}" for index in range(50)], dtype=object)
    write_matrix(path, Matrix(random, names, names[:20]))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(FormatError, match="truncated"):
        read_matrix(path)
    (tmp_path / "noise.csv").write_bytes(gzip.compress(b"id,g\n\xff\xfe,1\n"))
    with pytest.raises(FormatError, match="not text"):
        read_matrix(tmp_path / "noise.csv")
    with pytest.raises(InputError, match="no such file"):
        read_matrix(tmp_path / "nowhere.csv")


def test_parquet_of_pandas_and_bad_parquet(tmp_path):
    frame = pd.DataFrame({"g1": [1.0, None], "g2": [3, 4]}, index=pd.Index(["a", "b"], name="sample"))
    frame.to_parquet(tmp_path / "m.parquet")
    found = read_matrix(tmp_path / "m.parquet")
    assert found.samples.tolist() == ["a", "b"]
    np.testing.assert_array_equal(found.values, [[1, 3], [np.nan, 4]])
    frame["label"] = ["x", "y"]
    frame.to_parquet(tmp_path / "labelled.parquet")
    with pytest.raises(FormatError, match="row a, column label"):
        read_matrix(tmp_path / "labelled.parquet")
    assert read_labels(f"{tmp_path / 'labelled.parquet'}:label") == {"a": "x", "b": "y"}
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(FormatError, match="Parquet"):
        read_matrix(tmp_path / "broken.parquet")


def test_labels_by_column(tmp_path):
    path = tmp_path / "clinic.tsv"
    path.write_text("id\tsubtype\tage\na\tBasal\t50\nb\tNA\t61\nc\tHer2\t40\n")
    assert read_labels(f"{path}:subtype") == {"a": "Basal", "c": "Her2"}
    assert read_labels(f"{path}:age") == {"a": "50", "b": "61", "c": "40"}
    with pytest.raises(UsageError, match="several columns"):
        read_labels(path)
    with pytest.raises(UsageError, match="subtype"):
        read_labels(f"{path}:subtyp")
    with pytest.raises(InputError, match="no such file"):
        split_column(tmp_path / "other.tsv")
    odd = tmp_path / "a:b.tsv"
    write_labels(odd, {"a": "x", "b": "y"})
    assert read_labels(odd) == read_labels(f"{odd}:label") == {"a": "x", "b": "y"}
    empty = tmp_path / "empty.tsv"
    write_labels(empty, {"a": "NA"})
    with pytest.raises(InputError, match="no sample has a label"):
        read_labels(empty)
    path.write_text("id\tsubtype\na\tBasal\na\tHer2\n")
    with pytest.raises(InputError, match="duplicate sample id"):
        read_labels(path)


def test_orientation_follows_known_samples():
    matrix = make_matrix()
    same, turned = orient(matrix, ["A0FJ", "other"])
    assert same is matrix and not turned
    flipped, turned = orient(matrix, ["TP53", "hsa-mir-17"])
    assert turned and flipped.samples.tolist() == matrix.features.tolist()
    np.testing.assert_array_equal(flipped.values, matrix.values.T)


def test_mudata_round_trip_with_a_missing_sample(tmp_path):
    full = make_matrix()
    lacking = over(full.take(np.array([0])), full.samples)
    views = Views({"rna": full, "protein": Matrix(lacking.values, full.samples, np.asarray(["p1", "p2", "p3"]))})
    path = tmp_path / "cells.h5mu"
    write_h5mu(path, views, obs={"state": ["naive", "primed"]})
    found = read_h5mu(path)
    place = {name: row for row, name in enumerate(found.samples)}
    order = np.array([place[name] for name in full.samples])
    for name, block in views.blocks.items():
        assert_same(found.blocks[name].take(order), block)
    assert not found.problems()
    assert read_labels(f"{path}:state") == {"A0FJ": "naive", "7": "primed"}


def test_anndata_layers_labels_and_broken_files(tmp_path):
    import anndata
    from scipy import sparse

    matrix = make_matrix()
    path = tmp_path / "cells.h5ad"
    write_h5ad(path, matrix, obs={"state": ["naive", "primed"]})
    assert read_labels(f"{path}:state") == {"A0FJ": "naive", "7": "primed"}
    counts = sparse.csr_matrix(np.array([[0.0, 2.0], [1.0, 0.0]]))
    data = anndata.AnnData(counts, obs=pd.DataFrame(index=["a", "b"]), var=pd.DataFrame(index=["g", "h"]))
    data.layers["log"] = np.ones((2, 2))
    data.write_h5ad(tmp_path / "sparse.h5ad")
    np.testing.assert_array_equal(read_h5ad(tmp_path / "sparse.h5ad").values, [[0, 2], [1, 0]])
    assert read_h5ad(tmp_path / "sparse.h5ad", layer="log").values.sum() == 4
    with pytest.raises(UsageError, match="log"):
        read_h5ad(tmp_path / "sparse.h5ad", layer="lag")
    (tmp_path / "broken.h5ad").write_bytes(b"not HDF5")
    with pytest.raises(FormatError, match="AnnData"):
        read_matrix(tmp_path / "broken.h5ad")
    with pytest.raises(InputError, match="no such file"):
        read_obs(tmp_path / "nowhere.h5ad")


@pytest.mark.realdata
def test_course_tables(data_dir):
    folder = data_dir / "omics"
    assert read_matrix(folder / "breast_tcga" / "train_mrna.csv.gz").values.shape == (150, 200)
    muscle = read_matrix(folder / "gtex_muscle" / "GTEX_SkeletalMuscles_157Samples_1000Genes.txt")
    assert sorted(muscle.values.shape) == [157, 1000]
    assert len(read_labels(folder / "breast_tcga" / "train_subtype.csv.gz")) == 150
