"""Predict and explain on new files: formats, standard errors, calibration."""

from __future__ import annotations

import json

import numpy as np
import pytest

from command_line import call, done


def test_every_format_holds_the_same_numbers(cnn_run, peaks, tmp_path):
    import pandas as pd

    rows = done("predict", cnn_run, peaks, "--json").json
    assert len(rows) == 300 and list(rows[0]) == ["id", "p_negative", "p_positive", "set"]
    expected = np.array([row["p_positive"] for row in rows])
    for suffix, read in (("tsv", lambda p: pd.read_csv(p, sep="\t")), ("csv", pd.read_csv), ("json", pd.read_json)):
        done("predict", cnn_run, peaks, "-o", tmp_path / f"p.{suffix}")
        np.testing.assert_allclose(read(tmp_path / f"p.{suffix}")["p_positive"], expected, rtol=1e-5)
    done("predict", cnn_run, peaks, "-o", tmp_path / "p.parquet")
    assert np.array_equal(pd.read_parquet(tmp_path / "p.parquet")["p_positive"], expected)
    table = done("predict", cnn_run, peaks).out.splitlines()
    assert len(table) == 301 and table[0] == "id\tp_negative\tp_positive\tset"


def test_json_beside_a_file_is_a_summary(cnn_run, peaks, tmp_path):
    record = done("predict", cnn_run, peaks, "-o", tmp_path / "p.tsv", "--json").json
    assert record["output"] == str(tmp_path / "p.tsv") and record["count"] == 300
    assert record["columns"] == ["id", "p_negative", "p_positive", "set"]
    rows = (tmp_path / "p.tsv").read_text().splitlines()[1:]
    assert len(rows) == 300 and [row["id"] for row in record["first"]] == [row.split("\t")[0] for row in rows[:5]]


def test_places_are_sorted_and_those_of_the_headers(cnn_run, peaks, tmp_path):
    done("predict", cnn_run, peaks, "-o", tmp_path / "p.bed")
    rows = [line.split("\t") for line in (tmp_path / "p.bed").read_text().splitlines()]
    assert len(rows) == 300 and all(row[3] == f"{row[0]}:{row[1]}-{row[2]}" for row in rows)
    keys = [(row[0], int(row[1])) for row in rows]
    assert keys == sorted(keys) and all(0 <= int(row[4]) <= 1000 for row in rows)
    done("predict", cnn_run, peaks, "-o", tmp_path / "p.bedgraph")
    assert len((tmp_path / "p.bedgraph").read_text().splitlines()) == 300


def test_predictions_equal_those_of_the_run(cnn_run, peaks):
    import pandas as pd

    kept = pd.read_parquet(cnn_run / "predictions.parquet").query("y == 1").set_index("id")
    rows = {row["id"]: row["p_positive"] for row in done("predict", cnn_run, peaks, "--json").json}
    np.testing.assert_allclose([rows[name] for name in kept.index], kept["p_positive"], atol=1e-6)


def test_what_is_wrong_is_said(cnn_run, peaks, tmp_path):
    cases = [
        (("cnn", peaks), 4, "chiasma fit cnn DATA"),
        ((tmp_path, peaks), 3, "not a run folder"),
        ((cnn_run,), 2, "no input"),
        ((cnn_run, tmp_path / "absent.fa"), 2, "no such file"),
        ((cnn_run, peaks, "-o", tmp_path / "p.xyz"), 2, "unknown output format"),
    ]
    for words, code, said in cases:
        answer = call("predict", *words)
        assert answer.code == code and said in answer.err, answer.err
    plain = tmp_path / "plain.fa"
    plain.write_text(">a\nACGTACGTACGTACGTTAGC\n")
    answer = call("predict", cnn_run, plain, "-o", tmp_path / "p.bed")
    assert answer.code == 2 and "no place on a genome" in answer.err
    assert [item.name for item in tmp_path.iterdir()] == ["plain.fa"]


def test_a_folder_of_weights_is_a_model(cnn_run, peaks, tmp_path):
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((cnn_run / name).read_bytes())
    assert done("predict", tmp_path, peaks).out == done("predict", cnn_run, peaks).out


def test_explain_new_sequences(cnn_run, peaks, tmp_path):
    few = tmp_path / "few.fa"
    few.write_text("\n".join(peaks.read_text().splitlines()[:60]) + "\n")
    folder = tmp_path / "why"
    record = done("explain", cnn_run, few, "-o", folder, "--seconds", 5, "--examples", 10, "--json").json
    assert record == {"folder": str(folder)} and any(folder.iterdir())
    nothing = call("explain", cnn_run, "-o", tmp_path / "n")
    assert nothing.code == 2 and not (tmp_path / "n").exists()


def test_conformal_sets_cover(cnn_run):
    metrics = json.loads((cnn_run / "metrics.json").read_text())
    assert metrics["conformal"]["alpha"] == pytest.approx(0.1)
    assert 0 <= metrics["conformal"]["coverage"] <= 1 and set(metrics["conformal"]["per_class"]) == {
        "negative",
        "positive",
    }
    assert metrics["calibration"]["temperature"] > 0


def test_sequences_too_short_for_a_filter_are_counted_and_named(cnn_run, tmp_path):
    path = tmp_path / "short.fa"
    path.write_text(">long\n" + "ACGT" * 25 + "\n>stub\nACG\n")
    said = done("predict", cnn_run, path)
    assert len(said.out.splitlines()) == 3 and "1 sequences have fewer than" in said.err and "stub" in said.err
