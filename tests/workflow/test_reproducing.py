"""Experiment files: all parse, their inputs are found, figures are held against bounds, and a small one runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chiasma.cli.main import run as chiasma
from chiasma.core.errors import InputError, UsageError
from chiasma.data.sequences import decode
from chiasma.simulate.peaks import simulate_peaks
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import check_inputs
from chiasma.workflow.method import load_method
from chiasma.workflow.reproducing.expectations import Expectation, check
from chiasma.workflow.reproducing.inputs import resolve, steps_named
from chiasma.workflow.reproducing.reproduce import list_experiments, load_experiment, reproduce

EXPERIMENTS = list_experiments()


def strings(value) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    return [str(value)]


def test_there_is_one_for_each_of_the_main_claims():
    assert {"audit_pitfalls", "ctcf", "diablo_breast", "ecoli_promoters", "recombination"} <= set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_parse_and_ask_for_what_exists(name):
    experiment = load_experiment(name)
    earlier = set()
    for step in experiment.step:
        for method in step.methods:
            if method in earlier and step.verb in ("compare", "variants"):
                continue
            method, _, preset = method.partition("@")[0].partition(":")
            load_method(method).configure(step.config, preset=preset or step.preset)
        if step.verb == "fit":
            FitOptions.parse(step.options, source=name)
            ports = {port.name.replace("-", "_") for port in load_method(step.methods[0]).card.inputs}
            assert set(step.inputs) <= ports
        earlier.add(step.name)
    bounds = [one for one in experiment.expect if one.model_dump(include={"at_least", "at_most", "equals", "contains"},
                                                                   exclude_none=True)]  # fmt: skip
    assert bounds and all(one.source for one in bounds), "a bound says where it comes from"
    assert all(one.what for one in experiment.expect)


@pytest.mark.realdata
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_inputs_are_found(name, data_dir):
    for step in load_experiment(name).step:
        found = resolve(step.inputs)
        assert not any(text.startswith(("dataset:", "data:")) for text in strings(found))
        if step.verb == "fit" and not steps_named(step.inputs):
            check_inputs(load_method(step.methods[0]).card, found)
            options = FitOptions.parse(resolve(step.options))
            assert options.motifs is None or options.motifs.is_file()


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", ["audit_pitfalls", "diablo_breast"])
def test_the_cheap_ones_hold(name, data_dir, tmp_path, capsys):
    assert chiasma(["reproduce", name, "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["holds"] and all(found["holds"] for found in record["checks"])
    assert (tmp_path / "out" / "result.md").read_text() in capsys.readouterr().out


def test_data_that_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.delenv("CHIASMA_DATA", raising=False)
    with pytest.raises(InputError, match="CHIASMA_DATA is not set"):
        resolve({"labels": "data:y.csv"})
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path))
    with pytest.raises(InputError, match="not in CHIASMA_DATA"):
        resolve("data:y.csv")
    (tmp_path / "y.csv").write_text("id,class\n")
    assert resolve({"a": ["data:y.csv:class", 3]}) == {"a": [f"{tmp_path / 'y.csv'}:class", 3]}
    with pytest.raises(UsageError, match="unknown dataset"):
        resolve("dataset:nothing-of-that-name")


FIGURES = {"worst": "critical", "a.b": {"c": 0.5}, "list": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "no": None}


@pytest.mark.parametrize(
    ("key", "bounds", "found", "holds"),
    [
        ("'a.b'.c", {"at_least": 0.5, "at_most": 0.5}, 0.5, True),
        ("'a.b'.c", {"at_least": 0.51}, 0.5, False),
        ("'a.b'.c", {}, 0.5, True),
        ("list.name=y.v", {"at_most": 1.0}, 2, False),
        ("list.0.v", {"at_most": 1.0}, 1, True),
        ("list.name=z.v", {}, None, False),
        ("list.7.v", {}, None, False),
        ("worst", {"equals": "Critical"}, "critical", True),
        ("worst", {"contains": "CRIT"}, "critical", True),
        ("worst", {"contains": "good"}, "critical", False),
        ("no", {}, None, False),
    ],
)
def test_figures_against_bounds(tmp_path, key, bounds, found, holds):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "f.json").write_text(json.dumps(FIGURES))
    result = check(Expectation(step="s", file="f.json", key=key, **bounds), tmp_path)
    assert result["found"] == found and result["holds"] is holds


def test_the_first_row_of_a_table(tmp_path):
    (tmp_path / "s").mkdir()
    table = tmp_path / "s" / "motifs.tsv"
    table.write_text("motif\tmatch\tq\nm1\tCTCF.H12CORE.0.P.B\t2.5e-9\nm2\t\t\n")
    expected = {"step": "s", "file": "motifs.tsv"}
    assert check(Expectation(**expected, key="0.match", contains="ctcf"), tmp_path)["holds"]
    assert check(Expectation(**expected, key="0.q", at_most=1e-3), tmp_path)["holds"]
    assert not check(Expectation(**expected, key="1.q", at_most=1e-3), tmp_path)["holds"]
    table.write_text("motif\tmatch\tq\n")  # nothing discovered is a result, and not the one expected
    assert not check(Expectation(**expected, key="0.match", contains="ctcf"), tmp_path)["holds"]
    with pytest.raises(UsageError, match="no such figure"):
        check(Expectation(step="s", file="f.json", key="absent"), _with_json(tmp_path))
    with pytest.raises(UsageError, match="did not write"):
        check(Expectation(step="s", file="other.tsv", key="0.q"), tmp_path)


def _with_json(folder: Path) -> Path:
    (folder / "s" / "f.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[step]]\nname="a"\nverb="audit"\n[[step]]\nname="a"\nverb="audit"', "named twice"),
        ('[[step]]\nname="a"\nverb="audit"\n[[expect]]\nstep="b"\nkey="x"', "no such step: b"),
        ('[[step]]\nname="a"\nverb="fit"', "takes one method"),
        ('[[step]]\nname="a"\nverb="audit"\n[[expect]]\nstep="a"\nkey="x"\nat_least=2.0\nat_most=1.0', "above"),
    ],
)
def test_files_that_are_no_experiment(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(f'title="t"\nquestion="q"\nminutes="1"\n{text}\n')
    with pytest.raises(UsageError, match=message):
        load_experiment(path)
    with pytest.raises(UsageError, match="unknown experiment"):
        load_experiment("ctfc")


EXPERIMENT = """
title = "Small"
question = "Does it run?"
minutes = "under 1"

[[step]]
name = "one"
verb = "fit"
methods = ["cnn"]
preset = "tiny"
inputs = { positives = "data:peaks.fa", negatives = "shuffled" }
options = { device = "cpu", explain = false, rivals = false, draws = 100, executor = "serial" }

[[step]]
name = "two"
verb = "fit"
methods = ["lstm"]
preset = "tiny"
inputs = { positives = "data:peaks.fa", negatives = "shuffled" }
options = { device = "cpu", explain = false, rivals = false, draws = 100, executor = "serial" }

[[step]]
name = "both"
verb = "compare"
methods = ["one", "two"]

[[step]]
name = "new"
verb = "predict"
model = "one"
inputs = { input = "data:peaks.fa" }

[[step]]
name = "look"
verb = "audit"
inputs = { data = "data:peaks.fa" }

[[expect]]
step = "one"
key = "test.auroc.value"
at_least = 0.0

[[expect]]
step = "two"
key = "test.auroc.value"
at_least = 2.0
source = "cannot be"

[[expect]]
step = "both"
file = "compare.json"
key = "verdict"
contains = "Among the methods"

[[expect]]
step = "new"
file = "predictions.tsv"
key = "0.p_positive"
at_least = 0.0
at_most = 1.0

[[expect]]
step = "look"
file = "audit.json"
key = "findings.name=self-overlap.severity"
equals = "ok"
"""


def test_a_small_experiment_from_end_to_end(tmp_path, monkeypatch, capsys):
    peaks = simulate_peaks(160, seed=6)
    rows = [f">{name}\n{decode(peaks[i])}\n" for i, name in enumerate(peaks.ids)]
    (tmp_path / "peaks.fa").write_text("".join(rows))
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path))
    arguments = ["reproduce", str(tmp_path / "mine.toml"), "-o", str(tmp_path / "out"), "--seed", "3"]
    assert chiasma(arguments) == 4  # one expectation cannot hold
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [found["holds"] for found in record["checks"]] == [True, False, True, True, True]
    assert "| two: test.auroc.value |" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "one" / "metrics.json").read_text())["conditions"]["seed"] == 3
    again = reproduce(tmp_path / "mine.toml", output=tmp_path / "out", seed=3)
    assert [step["state"] for step in again["steps"]][:2] == ["complete", "complete"]
    assert "Done before, and not counted: one, two." in (tmp_path / "out" / "result.md").read_text()
    assert [a["found"] for a in again["checks"]] == [b["found"] for b in record["checks"]]
