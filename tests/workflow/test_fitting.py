"""Fit through the command line: complete runs, repetition, every kind of target, intervals, fine-tuning, matrices."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chiasma.methods.omics.diablo.examples import example
from chiasma.workflow.fitting.fit import fit, flatten_inputs
from command_line import FAST, call, done, left_behind

FILES = (
    *("config.toml", "provenance.json", "split.parquet", "audit.json", "metrics.json", "compare.json"),
    *("predictions.parquet", "model.safetensors", "model.json", "report.html", "log.jsonl", "citations.bib"),
)


def test_a_complete_run(cnn_run):
    assert all((cnn_run / name).exists() for name in FILES)
    assert (cnn_run / "explain").is_dir() and (cnn_run / "figures").is_dir()
    assert left_behind(cnn_run.parent) == []
    metrics = json.loads((cnn_run / "metrics.json").read_text())
    for figures in [metrics["test"], *metrics["baselines"].values()]:
        assert {"auroc", "auprc", "balanced_accuracy", "mcc", "brier", "ece"} <= set(figures)
        assert {"value", "low", "high", "unit"} <= set(figures["auroc"])
    assert metrics["test"]["auroc"]["unit"] == "peak with its twin"
    assert {"majority", "gc-length", "kmer-logistic", "gapped-kmer-logistic"} <= set(metrics["baselines"])
    assert "shuffles" in metrics["negatives"]
    record = json.loads((cnn_run / "provenance.json").read_text())
    assert record["split"]["proof"] and record["target"]["names"] == ["negative", "positive"]


def test_twins_never_straddle_the_split(cnn_run):
    import pandas as pd

    table = pd.read_parquet(cnn_run / "predictions.parquet")
    assert (table.groupby("unit")["part"].nunique() == 1).all()
    assert list(table.columns) == ["id", "part", "unit", "y", "p_negative", "p_positive", "set"]


def test_again_another_and_overwrite(peaks, tmp_path):
    run = tmp_path / "run"
    words = ("fit", "cnn", peaks, *FAST, "-o", run)
    first = call(*words)
    assert first.code == 0 and "already done" not in first.err and "epoch 1" in first.err
    stamp = (run / "metrics.json").stat().st_mtime_ns
    again = done(*words, "--json")
    assert "already done" in again.err and again.json["run"] == str(run)
    assert (run / "metrics.json").stat().st_mtime_ns == stamp
    other = call(*words, "--filters", 5)
    assert other.code == 2 and "--overwrite" in other.err and "config" in other.err
    assert (run / "metrics.json").stat().st_mtime_ns == stamp
    replaced = done(*words, "--filters", 5, "--overwrite")
    assert "epoch 1" in replaced.err
    assert json.loads((run / "model.json").read_text())["config"]["filters"] == 5
    assert left_behind(tmp_path) == []


def test_the_state_of_a_run(peaks, tmp_path):
    options = {"rivals": False, "explain": False, "draws": 100}
    words = {"output": tmp_path / "run", "preset": "tiny", "config": {"training": {"epochs": 1}}, "options": options}
    assert fit("cnn", {"positives": peaks}, **words).state == "new"
    found = fit("cnn", {"positives": peaks}, **words)
    assert found.state == "complete" and found.report is not None and "auroc" in found.metrics["test"]


def test_the_default_folder_is_named_by_method_and_configuration(peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = done("fit", "cnn", peaks, *FAST, "--json").json
    assert record["run"].startswith("runs/cnn-") and (tmp_path / record["run"] / "metrics.json").exists()


def test_a_run_folder_is_no_place_for_another_thing(peaks, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    answer = call("fit", "cnn", peaks, *FAST, "-o", tmp_path / "mine")
    assert answer.code == 2 and "not a run folder" in answer.err
    assert [item.name for item in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_fine_tuning_begins_with_the_weights(peaks, cnn_run, tmp_path):
    words = ("fit", "cnn", peaks, *FAST, "--training.learning-rate", 1e-12, "--from", cnn_run)
    done(*words, "-o", tmp_path / "tuned")
    from chiasma.fit.checkpoint import load_arrays

    tuned, _ = load_arrays(tmp_path / "tuned", "model")
    begun, _ = load_arrays(cnn_run, "model")
    for name, values in begun.items():
        np.testing.assert_allclose(tuned[name], values, atol=1e-6)
    wider = call(*words, "--filters", 5, "-o", tmp_path / "wider")
    assert wider.code in (2, 3) and "Traceback" not in wider.err
    lstm = call("fit", "lstm", peaks, *FAST, "--from", cnn_run, "-o", tmp_path / "lstm")
    assert lstm.code == 2 and "weights of another method" in lstm.err
    nothing = call("fit", "cnn", peaks, *FAST, "--from", tmp_path / "absent", "-o", tmp_path / "n")
    assert nothing.code == 3 and "not a run folder" in nothing.err
    assert [item.name for item in tmp_path.iterdir() if (item / "metrics.json").exists()] == ["tuned"]


def _write_labelled(path, columns, *, n=160, length=60):
    """A TSV of random sequences with the label columns that `columns` makes of an index."""
    random = np.random.default_rng(5)
    rows = ["\t".join(["id", "sequence", *columns])]
    for index in range(n):
        text = "".join(random.choice(list("ACGT"), length))
        rows.append("\t".join([f"s{index}", text, *[str(make(index, text)) for make in columns.values()]]))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("kind", "columns", "primary", "predicted"),
    [
        ("multiclass", {"label": lambda i, s: "abc"[i % 3]}, "balanced_accuracy", ["p_a", "p_b", "p_c"]),
        ("regression", {"expression": lambda i, s: round(s.count("G") + i / 1000, 3)}, "r2", ["yhat_expression"]),
        (
            "multilabel",
            {"label": lambda i, s: "|".join([name for name, step in (("x", 2), ("y", 3)) if i % step == 0]) or "z"},
            "auroc",
            ["p_x", "p_y", "p_z"],
        ),
    ],
)
def test_labelled_tables(tmp_path, kind, columns, primary, predicted):
    table = _write_labelled(tmp_path / "t.tsv", columns)
    run = tmp_path / "run"
    record = done("fit", "cnn", "--sequences", table, *FAST, "--json", "-o", run).json
    assert record["primary"] == primary and primary in record["test"]
    assert json.loads((run / "provenance.json").read_text())["target"]["kind"] == kind
    rows = done("predict", run, table, "--json").json
    assert [key for key in rows[0] if key not in ("id", "set")] == predicted and len(rows) == 160


def test_intervals_of_a_genome(tmp_path):
    random = np.random.default_rng(1)
    fasta, bed = tmp_path / "g.fa", tmp_path / "p.bed"
    names = [f"chr{number}" for number in range(1, 11)]
    fasta.write_text("".join(f">{name}\n{''.join(random.choice(list('ACGT'), 2000))}\n" for name in names))
    lines = [f"{name}\t{100 * i}\t{100 * i + 60}" for name in names for i in range(16)]
    bed.write_text("\n".join(lines) + "\n")
    run = tmp_path / "run"
    done("fit", "cnn", bed, "--fasta", fasta, *FAST, "-o", run)
    predicted = tmp_path / "out.bed"
    done("predict", run, bed, "--fasta", fasta, "-o", predicted)
    assert len(predicted.read_text().splitlines()) == 160
    without = call("predict", run, bed)
    assert without.code in (2, 3) and "--fasta" in without.err


def _write_views(folder):
    data = example(0)
    for name, block in data.x.blocks.items():
        rows = [",".join(["", *block.features])]
        rows += [",".join([s, *map(str, v)]) for s, v in zip(block.samples, block.values) if not np.isnan(v).all()]
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    labels = [f"{name},{data.target.names[code]}" for name, code in zip(data.ids, data.target.values)]
    (folder / "labels.csv").write_text("\n".join(["id,subtype", *labels]) + "\n")
    return [name for name in data.x.blocks]


def test_diablo_and_its_test_set(tmp_path):
    names = _write_views(tmp_path)
    labels = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "train.csv").write_text("\n".join([labels[0], *labels[1::2]]) + "\n")
    (tmp_path / "test.csv").write_text("\n".join([labels[0], *labels[2::2]]) + "\n")
    words = [word for name in names for word in ("--view", f"{name}={tmp_path / name}.csv")]
    words += ["--labels", f"{tmp_path / 'train.csv'}:subtype", "--test-labels", tmp_path / "test.csv"]
    words += [word for name in names[:2] for word in ("--test-view", f"{name}={tmp_path / name}.csv")]
    words += ["--preset", "tiny", "--draws", 100, "--repeats", 1, "--no-rivals"]
    run = tmp_path / "run"
    record = done("fit", "diablo", *words, "-o", run, "--json").json
    assert record["cross_validation"]["repeats"] == 1 and 0 <= record["cross_validation"]["ber"] <= 1
    head = (run / "explain" / "loadings.tsv").read_text().splitlines()
    assert head[0].split("\t")[-1] == "stability" and 0 < float(head[1].split("\t")[-1]) <= 1
    assert (run / "explain" / "variates.tsv").exists()
    views = [word for name in names[:2] for word in ("--view", f"{name}={tmp_path / name}.csv")]
    assert len(done("predict", run, *views, "--json").json) > 0
    done("explain", run, "-o", tmp_path / "loadings")
    assert (tmp_path / "loadings" / "loadings.tsv").exists()


def test_spls_da_on_one_matrix(tmp_path):
    name = _write_views(tmp_path)[0]
    words = ("--labels", tmp_path / "labels.csv", "--preset", "tiny", "--draws", 100, "--repeats", 1, "--no-rivals")
    record = done("fit", "spls-da", tmp_path / f"{name}.csv", *words, "-o", tmp_path / "run", "--json").json
    assert record["primary"] == "balanced_accuracy" and "cross_validation" in record
    rows = done("predict", tmp_path / "run", tmp_path / f"{name}.csv", "--json").json
    assert len(rows) > 0 and rows[0]["id"]


def test_flatten_inputs_splits_off_columns(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("")
    flat = flatten_inputs({"view": {"a": path}, "labels": f"{path}:subtype", "negatives": "shuffled"})
    assert flat == {
        "view.a": str(path),
        "labels": str(path),
        "labels.column": "subtype",
        "negatives": "shuffled",
    }
