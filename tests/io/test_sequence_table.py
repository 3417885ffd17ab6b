"""Labelled sequences in the shapes people have them."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError
from chiasma.io import tables
from chiasma.io.sequence_table import labels_for, make_target, read_labelled, read_labels, skip_unlabelled


def _target(path, **options):
    return make_target(read_labelled(path).labels, **options)


def _write(tmp_path, text, name="x.tsv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_tsv_with_and_without_heading(tmp_path):
    for text in ("sequence\tlabel\nACGTAC\t1\nGGGTTT\t0\n", "ACGTAC\t1\nGGGTTT\t0\n"):
        path = _write(tmp_path, text)
        read = read_labelled(path)
        assert read.records.sequences.strings() == ["ACGTAC", "GGGTTT"]
        target, known = make_target(read.labels)
        assert target.kind == "binary" and target.names == ("negative", "positive")
        assert target.values.tolist() == [1, 0] and known.all()


def test_csv_with_ids_group_and_two_tracks(tmp_path):
    path = _write(tmp_path, "id,seq,dev,hk,group\na,ACGTA,1.5,2,p\nb,GGGTA,-1,0.5,q\n", "x.csv")
    read = read_labelled(path)
    assert read.records.sequences.ids.tolist() == ["a", "b"] and read.group.tolist() == ["p", "q"]
    target, _ = make_target(read.labels)
    assert (target.kind, target.names) == ("regression", ("dev", "hk"))
    np.testing.assert_allclose(target.values, [[1.5, 2], [-1, 0.5]])


def test_kinds():
    assert make_target({"y": ["a", "b", "c"]})[0].kind == "multiclass"
    assert make_target({"y": ["a", "a|b", "b;c"]})[0].values.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert make_target({"u": ["0", "1"], "v": ["1", "1"]})[0].kind == "multilabel"
    assert make_target({"y": list("012") * 5})[0].kind == "multiclass"
    assert make_target({"y": [str(i) for i in range(9)]})[0].kind == "regression"
    assert make_target({"y": list("012") * 5}, kind="regression")[0].values.shape == (15, 1)
    assert make_target({"y": ["promoter", "control"]})[0].names == ("control", "promoter")
    assert make_target({"y": ["10", "9", "9", "10", "2"] * 4})[0].names == ("2", "9", "10")


def test_missing_labels_are_counted():
    target, known = make_target({"y": ["1", "NA", "0", ""]})
    assert known.tolist() == [True, False, True, False] and len(target.values) == 2
    (skip,) = skip_unlabelled(np.array(list("abcd"), object), known)
    assert skip.count == 2 and skip.examples == ("b", "d")
    with pytest.raises(InputError, match="no example"):
        make_target({"y": ["", "NA"]})


@pytest.mark.parametrize(
    "text",
    [
        ">a label=x\nACGT\n>b label=y\nACGA\n",
        ">a|1|x\nACGT\n>b|2|y\nACGA\n>c|3|x\nAC\n>d|4|y\nAC\n" + "".join(f">e{i}|{i}|x\nAC\n" for i in range(6)),
        ">x\nACGT\n>y\nACGA\n>x\nAC\n>y\nACC\n" + ">x\nACG\n" * 6,
    ],
)
def test_labels_in_headers(tmp_path, text):
    target, _ = _target(_write(tmp_path, text, "x.fa"))
    assert target.names == ("x", "y") and target.values[:2].tolist() == [0, 1]


def test_several_labels_are_read_alike_from_headers_and_tables(tmp_path):
    labels = ["one|two", "two;three", "one"]
    table = "sequence\tlabel\n" + "".join(f"ACGT\t{label}\n" for label in labels)
    expected, _ = _target(_write(tmp_path, table, "x.tsv"))
    assert expected.kind == "multilabel" and expected.names == ("one", "three", "two")
    for header in (">s{i} label={label} x\n", ">s{i} class={label}\n", ">s{i} label={label},size=3\n"):
        text = "".join(header.format(i=i, label=label) + "ACGT\n" for i, label in enumerate(labels))
        found, _ = _target(_write(tmp_path, text, "x.fa"))
        assert found.kind == "multilabel" and found.names == expected.names, header
        assert np.array_equal(found.values, expected.values)
    two, _ = _target(_write(tmp_path, ">a label=one|two\nAC\n>b label=two\nAC\n", "y.fa"))
    assert two.kind == "multilabel" and two.values.tolist() == [[1, 1], [0, 1]]


def test_a_mark_before_the_label_ends_it(tmp_path):
    for text in (">a|label=x|chr1\nAC\n>b|label=y|chr2\nAC\n", ">a;label=x;size=3\nAC\n>b;label=y;size=1\nAC\n"):
        target, _ = _target(_write(tmp_path, text, "x.fa"))
        assert target.kind == "binary" and target.names == ("x", "y")


def test_unlabelled_fasta_has_no_labels(tmp_path):
    assert read_labelled(_write(tmp_path, ">a\nACGT\n>b\nAC\n", "x.fa")).labels == {}


def test_kmer_sentences(tmp_path):
    path = _write(tmp_path, "sequence\tlabel\nACG CGT GTT\t1\n")
    assert read_labelled(path).records.sequences.strings() == ["ACGTT"]
    with pytest.raises(FormatError, match="overlap"):
        read_labelled(_write(tmp_path, "sequence\tlabel\nACG CGT TTT\t1\n"))


def test_tables_of_labels(tmp_path):
    path = _write(tmp_path, "id,type,age\na,x,3\nb,y,4\n", "labels.csv")
    assert read_labels(path) == {"a": "x", "b": "y"}
    assert read_labels(path, column="age") == {"a": "3", "b": "4"}
    with pytest.raises(UsageError, match="age"):
        read_labels(path, column="agee")
    assert read_labels(_write(tmp_path, "a\tx\nb\ty\n")) == {"a": "x", "b": "y"}
    with pytest.raises(InputError, match="duplicate"):
        read_labels(_write(tmp_path, "a\tx\na\ty\n"))
    assert labels_for(np.array(["b", "z"], object), {"b": "y"}, where="t") == ["y", ""]
    with pytest.raises(MismatchError, match="no id"):
        labels_for(np.array(["z"], object), {"b": "y"}, where="t")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a\tb\n1\t2\n", "no column of DNA"),
        ("ACGTA\t1\nACGTA\n", "another width"),
        ("sequence\tlabel\nACGTZ\t1\n", "not DNA|protein"),
        ("sequence\tlabel\n", "nothing below"),
        ("id\tsequence\tlabel\na\tACGTT\t1\na\tACGTT\t1\n", "duplicate id"),
        ("sequence\tlabel\nACGTT\t1\n\t1\n", "another width|empty sequence"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_labelled(_write(tmp_path, text))


def test_a_target_that_is_not_a_number():
    with pytest.raises(InputError, match="column v"):
        make_target({"u": ["0.5", "1"], "v": ["x", "1"]}, where="t")


@pytest.mark.realdata
def test_real_tables(data_dir):
    folder = data_dir / "sequence"
    read = read_labelled(folder / "yeast_mpra/demo_train.txt")
    target, known = make_target(read.labels)
    assert target.kind == "regression" and known.sum() == 6370
    read = read_labelled(folder / "promoters/dnabert_prom_core_1000.tsv.gz")
    target, _ = make_target(read.labels)
    assert target.kind == "binary" and len(read.records.sequences) == 1000
    assert np.median(read.records.sequences.lengths) == 101
    read = read_labelled(folder / "promoters/ecoli_regulondb/independent.txt")
    target, _ = make_target(read.labels)
    assert target.names == ("24", "28", "32", "38", "70") and len(target.values) == 256


def test_none_is_a_class_and_only_marks_are_missing(tmp_path):
    labels = ["none", "null", "one_to_two", "", "NA", "NaN", "."]
    target, known = make_target({"label": labels})
    assert target.names == ("none", "null", "one_to_two")
    assert known.tolist() == [True, True, True, False, False, False, False]
    (tmp_path / "l.csv").write_text("id,label\n" + "".join(f"s{i},{label}\n" for i, label in enumerate(labels)))
    assert list(tables.read_labels(tmp_path / "l.csv").values()) == ["none", "null", "one_to_two"]
