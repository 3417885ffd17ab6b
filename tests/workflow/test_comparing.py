"""Compare: methods on one split beside the same rivals, and complete runs."""

from __future__ import annotations

import json

import pandas as pd

from command_line import FAST, call, done


def test_two_methods_and_then_their_runs(peaks, tmp_path):
    words = ("compare", "cnn", "lstm", peaks, "--preset", "tiny", "--draws", 100, "--no-explain", "-o")
    found = done(*words, tmp_path / "c", "--json").json
    names = [row["name"] for row in found["table"]]
    assert names[:2] == ["cnn", "lstm"] and {"majority", "gc-length", "kmer-logistic"} <= set(names)
    assert all(row["rival"] == (row["name"] not in ("cnn", "lstm")) for row in found["table"])
    assert found["verdict"].startswith("Among the methods,")
    pairs = {(pair["a"], pair["b"]) for pair in found["pairs"]}
    assert any({"cnn", "lstm"} == set(pair) for pair in pairs) and len(pairs) == len(names) * (len(names) - 1) / 2
    assert all(pair["low"] <= pair["value"] <= pair["high"] for pair in found["pairs"])
    splits = [pd.read_parquet(tmp_path / "c" / name / "split.parquet") for name in ("cnn", "lstm")]
    pd.testing.assert_frame_equal(*splits)
    assert json.loads((tmp_path / "c" / "compare.json").read_text())["verdict"] == found["verdict"]
    assert (tmp_path / "c" / "report.html").exists()
    runs = (tmp_path / "c" / "cnn", tmp_path / "c" / "lstm")
    again = done("compare", *runs, "-o", tmp_path / "again", "--json").json
    assert [row["name"] for row in again["table"]] == names


def test_runs_on_other_examples_are_refused(peaks, cnn_run, tmp_path):
    other = tmp_path / "other"
    done("fit", "cnn", peaks, *FAST, "--seed", 2, "--split", "homology", "-o", other)
    answer = call("compare", cnn_run, other, "-o", tmp_path / "c")
    assert answer.code == 3 and "--split and --seed" in answer.err and "Traceback" not in answer.err
    assert not (tmp_path / "c").exists()


def test_what_is_wrong_is_said(peaks, cnn_run, tmp_path):
    assert call("compare").code == 2
    assert call("compare", "cnn", "cnn", peaks, "-o", tmp_path / "c").code == 2
    assert call("compare", "cnn", cnn_run, "-o", tmp_path / "c").code == 2
    unknown = call("compare", "cnn", "lstn", peaks, "-o", tmp_path / "c")
    assert unknown.code == 2 and list(tmp_path.iterdir()) == []
