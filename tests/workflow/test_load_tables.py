"""Views and labels to a Dataset: what matches, what is left out by name, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError
from chiasma.data.dataset import Target
from chiasma.data.matrix import Matrix, Views
from chiasma.io.containers import write_h5mu
from chiasma.io.tables import write_labels, write_matrix
from chiasma.workflow.comparing.folds import data_hash
from chiasma.workflow.loading.tables import load_matrix, load_new, load_views


def matrix(samples: str, features: str, *, offset: float = 0.0) -> Matrix:
    rows, columns = samples.split(), features.split()
    values = offset + np.arange(len(rows) * len(columns), dtype=float).reshape(len(rows), len(columns))
    return Matrix(values, np.asarray(rows, dtype=object), np.asarray(columns, dtype=object))


@pytest.fixture
def files(tmp_path):
    write_matrix(tmp_path / "rna.csv", matrix("a b c d e x", "g1 g2 g3"))
    write_matrix(tmp_path / "prot.tsv", matrix("d c b a e y", "p1 p2", offset=100))
    write_labels(tmp_path / "labels.tsv", {"a": "up", "b": "up", "c": "down", "d": "down", "y": "up", "z": "up"})
    write_matrix(tmp_path / "rna_test.csv", matrix("q r s", "g3 g1 g9"))
    write_labels(tmp_path / "labels_test.tsv", {"q": "up", "r": "down", "s": "sideways", "t": "up"})
    return tmp_path


def views_of(files):
    return {"rna": files / "rna.csv", "prot": files / "prot.tsv"}


def test_samples_line_up_and_the_rest_is_named(files):
    data, split = load_views(views_of(files), files / "labels.tsv", seed=1)
    assert split is None and not data.problems()
    assert data.ids.tolist() == ["a", "b", "c", "d"]
    assert data.target.kind == "binary" and data.target.names == ("down", "up")
    assert data.target.values.tolist() == [1, 1, 0, 0]
    assert data.x.blocks["prot"].values[:, 0].tolist() == [106, 104, 102, 100]
    said = [str(skip) for skip in data.skips]
    assert "2 skipped: no label (e, x)" in said
    assert "1 skipped: a label, but in no view (z)" in said
    assert "1 skipped: not measured in view rna (y)" in said


def test_given_test_set(files):
    data, split = load_views(
        views_of(files),
        files / "labels.tsv",
        seed=1,
        test_views={"rna": files / "rna_test.csv"},
        test_labels=files / "labels_test.tsv",
    )
    assert not data.problems() and not split.problems()
    assert split.kind == "given" and split.sizes() == {"train": 4, "test": 2}
    assert split.ids.tolist() == data.ids.tolist() == ["a", "b", "c", "d", "q", "r"]
    rna = data.x.blocks["rna"]
    np.testing.assert_array_equal(rna.values[4:], [[1, np.nan, 0], [4, np.nan, 3]])
    assert np.isnan(data.x.blocks["prot"].values[4:]).all()
    assert data.notes["views absent from the test set"] == ["prot"]
    said = " | ".join(str(skip) for skip in data.skips)
    assert "test sample of a class that the train set lacks (sideways) (s)" in said
    assert "feature of view rna that the test set lacks (missing there) (g2)" in said
    assert "feature of test view rna that the train set lacks (g9)" in said
    assert "test label, but in no view (t)" in said


def test_turned_file_is_turned_back(files):
    block = matrix("a b c d", "g1 g2 g3")
    write_matrix(files / "turned.csv", Matrix(block.values.T, block.features, block.samples))
    data, _ = load_views({"rna": files / "turned.csv"}, files / "labels.tsv", seed=1)
    np.testing.assert_array_equal(data.x.blocks["rna"].values, block.values)
    assert data.notes["views turned (samples were in columns)"] == ["rna"]


def test_one_matrix(files):
    data, split = load_matrix(files / "rna.csv", files / "labels.tsv", seed=1)
    assert isinstance(data.x, Matrix) and split is None and len(data) == 4
    data, split = load_matrix(
        files / "rna.csv",
        files / "labels.tsv",
        seed=1,
        test_matrix=files / "rna_test.csv",
        test_labels=files / "labels_test.tsv",
    )
    assert len(data) == 6 and split.sizes()["test"] == 2


def test_missing_and_constant_are_reported(files):
    block = matrix("a b c d", "g1 g2 g3")
    block.values[:, 1] = 5.0
    block.values[0, 2] = np.nan
    write_matrix(files / "odd.csv", block)
    data, _ = load_matrix(files / "odd.csv", files / "labels.tsv", seed=1)
    note = data.notes["view matrix"]
    assert note["constant features"] == 1 and note["named"] == ["g2"] and note["missing values"] == 1


def test_the_only_member_of_a_class_is_named(files):
    write_labels(files / "lone.tsv", {"a": "up", "b": "up", "c": "down", "d": "down", "e": "rare"})
    data, _ = load_views(views_of(files), files / "lone.tsv", seed=1)
    assert "1 skipped: the only sample of its class (rare) (e)" in [str(skip) for skip in data.skips]
    assert data.target.names == ("down", "up")


def test_refusals(files):
    labels = files / "labels.tsv"
    write_labels(files / "foreign.tsv", {"TCGA-1": "up", "TCGA-2": "down"})
    with pytest.raises(MismatchError, match=r"a, b, c(.|\n)*TCGA-1, TCGA-2"):
        load_views(views_of(files), files / "foreign.tsv", seed=1)
    write_labels(files / "same.tsv", {"a": "up", "b": "up", "c": "up"})
    with pytest.raises(InsufficientDataError, match="only one class"):
        load_views(views_of(files), files / "same.tsv", seed=1)
    write_matrix(files / "apart.csv", matrix("y", "h1"))
    with pytest.raises(MismatchError, match="no sample is in every view"):
        load_views({"rna": files / "rna.csv", "apart": files / "apart.csv"}, labels, seed=1)
    empty = matrix("a b", "h1 h2")
    write_matrix(files / "empty.csv", Matrix(np.full_like(empty.values, np.nan), empty.samples, empty.features))
    with pytest.raises(MismatchError, match="no sample has a value") as raised:
        load_views({"rna": files / "empty.csv"}, None, seed=1)
    assert "one measured value or more" in str(raised.value) and "all views" not in str(raised.value)
    with pytest.raises(UsageError, match="half of a test set"):
        load_views(views_of(files), labels, seed=1, test_views={"rna": files / "rna_test.csv"})
    test = {"test_views": {"rna": files / "rna.csv"}, "test_labels": labels}
    with pytest.raises(MismatchError, match="in the train and in the test set"):
        load_views(views_of(files), labels, seed=1, **test)
    test = {"test_views": {"rnb": files / "rna_test.csv"}, "test_labels": files / "labels_test.tsv"}
    with pytest.raises(UsageError, match="rna"):
        load_views(views_of(files), labels, seed=1, **test)
    write_matrix(files / "other_genes.csv", matrix("q r", "h1 h2"))
    test["test_views"] = {"rna": files / "other_genes.csv"}
    with pytest.raises(MismatchError, match="no feature"):
        load_views(views_of(files), labels, seed=1, **test)


def test_mudata_gives_views_and_labels(files):
    both = np.asarray(["a", "b", "c", "d"], dtype=object)
    rna = matrix("a b c d", "g1 g2")
    prot = matrix("a b c d", "p1 p2")
    prot.values[3] = np.nan
    write_h5mu(files / "all.h5mu", Views({"rna": rna, "prot": prot}), obs={"state": ["x", "y", "x", "y"]})
    assert both.tolist() == rna.samples.tolist()
    with pytest.raises(InsufficientDataError):
        load_views(files / "all.h5mu", f"{files / 'all.h5mu'}:state", seed=1)  # y is left with one sample
    data = load_new({"view": files / "all.h5mu"}, target=Target("binary", np.zeros(0), ("x", "y")), data="views")
    assert sorted(data.ids) == ["a", "b", "c", "d"] and data.x.present()["prot"].sum() == 3


def test_new_samples(files):
    target = Target("binary", np.zeros(0), ("down", "up"))
    data = load_new({"view": views_of(files)}, target=target, data="views")
    assert len(data) == 7 and data.target.kind == "none" and data.target.names == ("down", "up")
    assert data.x.present()["rna"].tolist() == [True] * 6 + [False]
    assert len(load_new({"input": files / "rna.csv"}, target=target, data="matrix")) == 6
    for wrong in ({}, {"input": files / "rna.csv"}):
        with pytest.raises(UsageError):
            load_new(wrong, target=target, data="views")


@pytest.mark.realdata
def test_breast_cancer(data_dir):
    folder = data_dir / "omics" / "breast_tcga"
    data, split = load_views(
        {view: folder / f"train_{view}.csv.gz" for view in ("mrna", "mirna", "protein")},
        folder / "train_subtype.csv.gz",
        seed=1,
        test_views={view: folder / f"test_{view}.csv.gz" for view in ("mrna", "mirna")},
        test_labels=f"{folder / 'test_subtype.csv.gz'}:subtype",
    )
    assert split.sizes() == {"train": 150, "test": 70} and not data.skips
    assert data.target.names == ("Basal", "Her2", "LumA")
    assert data.x.present()["protein"].sum() == 150


def test_groups_make_units_and_unknown_ones_are_named(files):
    write_labels(files / "groups.tsv", {"a": "p1", "b": "p2", "c": "p1", "q": "p3", "w": "p4"}, column="patient")
    data, _ = load_views(views_of(files), files / "labels.tsv", seed=1, groups=f"{files / 'groups.tsv'}:patient")
    assert data.unit_name == "patient" and data.columns["group"].tolist() == ["p1", "p2", "p1", "alone:d"]
    assert data.unit[0] == data.unit[2] and len(set(data.unit)) == 3
    assert "2 skipped: a group, but no such example (q, w)" in [str(skip) for skip in data.skips]
    assert data.notes["groups"] == "1 examples without a group stand alone (d)"
    single, _ = load_matrix(files / "rna.csv", files / "labels.tsv", seed=1, groups=files / "groups.tsv")
    assert single.unit_name == "group" and single.unit[0] == single.unit[2]


def test_the_column_of_the_labels_is_no_feature(tmp_path: Path) -> None:
    rows = "".join(f"s{i},{i % 5},{i % 2},{i // 2}\n" for i in range(12))
    (tmp_path / "all.csv").write_text("id,gene,class,patient\n" + rows)
    path = tmp_path / "all.csv"
    data, _ = load_matrix(path, f"{path}:class", seed=1, groups=f"{path}:patient")
    assert data.x.features.tolist() == ["gene"]
    assert [skip.examples for skip in data.skips] == [("class",), ("patient",)]


def test_answers_in_the_file_of_the_measurements_are_no_features(files):
    write_matrix(files / "only.tsv", matrix("a b c d", "outcome"))
    with pytest.raises(UsageError, match="nothing else"):
        load_views({**views_of(files), "b": files / "only.tsv"}, files / "only.tsv", seed=1)
    write_matrix(files / "both.tsv", matrix("a b c d", "g1 g2 study"))
    data, _ = load_matrix(files / "both.tsv", files / "labels.tsv", seed=1, study=f"{files / 'both.tsv'}:study")
    assert isinstance(data.x, Matrix) and data.x.features.tolist() == ["g1", "g2"]
    assert any("no feature" in str(skip) for skip in data.skips)


def test_cross_validated_rivals_belong_to_their_data(files):
    data, _ = load_matrix(files / "rna.csv", files / "labels.tsv", seed=1)
    assert isinstance(data.x, Matrix)
    other = replace(data, x=Matrix(data.x.values + 1, data.x.samples, data.x.features))
    assert data_hash(data) == data_hash(data.take(np.arange(len(data)))) != data_hash(other)
