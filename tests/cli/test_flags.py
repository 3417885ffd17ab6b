"""Flags of fit: from cards and configurations; a TOML file, --set and flags give the same, the later ones winning."""

from __future__ import annotations

import inspect
import tomllib

import pytest
from cyclopts import App

from chiasma.cli.fit import register
from chiasma.core.cards import list_cards
from chiasma.core.errors import UsageError
from chiasma.workflow.fitting.fit import plan
from command_line import FAST, call, done


def _planned(monkeypatch, *words) -> object:
    """The job that a fit command asks for, without doing it."""
    jobs = []

    def keep(job, *, output):
        del output
        jobs.append(job)
        return {}

    monkeypatch.setattr("chiasma.workflow.fitting.estimate.estimate_cost", keep)
    done("fit", *words, "--dry-run")
    return jobs[0]


@pytest.mark.parametrize("method", [card.name for card in list_cards()])
def test_all_but_method_and_first_input_are_keyword_only(method):
    app = App(name="chiasma")
    register(app, ["fit", method])
    parameters = list(inspect.signature(app["fit"].default_command).parameters.values())
    kinds = [parameter.kind for parameter in parameters]
    assert [parameter.name for parameter in parameters[:2]] == ["method", "data"]
    assert kinds[:2] == [inspect.Parameter.POSITIONAL_ONLY] * 2
    assert set(kinds[2:]) == {inspect.Parameter.KEYWORD_ONLY}


def test_a_second_file_is_refused(peaks):
    assert call("fit", "cnn", peaks, peaks).code == 2
    twice = call("fit", "cnn", peaks, "--positives", peaks)
    assert twice.code == 2 and "given twice" in twice.err


def test_precedence_of_preset_file_set_and_flags(monkeypatch, peaks, tmp_path):
    toml = tmp_path / "c.toml"
    toml.write_text("filters = 5\nhidden = 5\nwidth = 5\n[training]\nepochs = 5\n")
    words = ("cnn", peaks, "--preset", "tiny", "--config", toml, "--set", "hidden=6", "--set", "width=7")
    job = _planned(monkeypatch, *words, "--width", 11, "--training.learning-rate", 0.5)
    config = job.config
    assert (config.filters, config.hidden, config.width, config.bins) == (5, 6, 11, 2)
    assert (config.training.epochs, config.training.learning_rate, config.training.batch_size) == (5, 0.5, 16)


def test_a_file_set_and_flags_give_the_same_run(monkeypatch, peaks, tmp_path):
    toml = tmp_path / "c.toml"
    toml.write_text("filters = 5\n[training]\nepochs = 3\n")
    ways = [
        ("--config", toml),
        ("--set", "filters=5", "--set", "training.epochs=3"),
        ("--filters", 5, "--training.epochs", 3),
        ("--filters", 5, "--epochs", 3),
    ]
    jobs = [_planned(monkeypatch, "cnn", peaks, *way) for way in ways]
    assert len({job.default_output() for job in jobs}) == 1
    assert jobs[0].default_output().name.startswith("cnn-")
    other = _planned(monkeypatch, "cnn", peaks, "--filters", 6)
    assert other.default_output() != jobs[0].default_output()


def test_flags_may_stand_before_the_method(monkeypatch, peaks):
    assert _planned(monkeypatch, "--preset", "tiny", "cnn", peaks).config.filters == 8


SIMULATE = [card.name for card in list_cards() if card.data == "simulations"]


@pytest.mark.parametrize("method", SIMULATE)
def test_length_is_the_simulated_one_or_refused(monkeypatch, method):
    if method == "haplotype-cnn":  # its tasks have lengths of their own
        answer = call("fit", method, "--preset", "tiny", "--length", 120_000)
        assert answer.code == 2 and "--length" in answer.err
        return
    job = _planned(monkeypatch, method, "--preset", "tiny", "--length", 120_000)
    own = job.config.sweeps if hasattr(job.config, "sweeps") else job.config
    assert own.length == 120_000 and job.options.length is None


@pytest.mark.parametrize(
    ("method", "field"), [("diploshic", "--sweeps.length 99"), ("pg-gan", "--length 99"), ("haplotype-cnn", "leave it")]
)
def test_the_length_of_sequences_is_refused_elsewhere(method, field):
    with pytest.raises(UsageError, match=f"cuts no windows[\\s\\S]*{field}"):
        plan(method, options={"length": 99})
    answer = call("compare", method, "--length", 99)
    assert answer.code == 2 and field in answer.err


def test_options_reach_the_split_and_the_fit(monkeypatch, peaks):
    words = ("--split", "homology", "--test-fraction", 0.3, "--seed", 7, "--no-rivals", "--alpha", 0.2)
    options = _planned(monkeypatch, "cnn", peaks, *words).options
    assert (options.split.kind, options.split.test, options.seed) == ("homology", 0.3, 7)
    assert (options.rivals, options.explain, options.alpha) == (False, True, 0.2)


def test_a_run_s_own_config_serves_again(monkeypatch, peaks, cnn_run):
    record = tomllib.loads((cnn_run / "config.toml").read_text())
    job = _planned(monkeypatch, "cnn", peaks, "--config", cnn_run / "config.toml")
    assert job.config.filters == record["config"]["filters"] == 8
    assert job.config.training.epochs == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fliters", 3), "--filters"),
        (("--set", "fliters=3"), "did you mean 'filters'?"),
        (("--set", "filters"), "key=value"),
        (("--filters", "many"), "int"),
        (("--width", 4), "must be odd"),
        (("--preset", "huge"), "default, tiny"),
        (("--config", "absent.toml"), "no such configuration file"),
        (("--split", "halves"), "chromosome"),
        (("--test-fraction", 2), "test"),
        (("--motifs", "absent.meme"), "--motifs"),
        (("--test-ids", "absent.txt"), "--test-ids"),
        (("--negatives", "absent.fa"), "shuffled or genome"),
        (("--labels",), "--labels"),
        (("--output",), "--output"),
    ],
)
def test_wrong_flags_are_usage_errors(peaks, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    answer = call("fit", "cnn", peaks, *words)
    assert answer.code == 2, answer.err
    assert said in answer.err and "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_configuration_file_is_named(peaks, tmp_path):
    toml = tmp_path / "c.toml"
    toml.write_text("filters = = 3")
    answer = call("fit", "cnn", peaks, "--config", toml)
    assert answer.code == 2 and str(toml) in answer.err and "not valid TOML" in answer.err


def test_errors_as_json(peaks):
    import json

    answer = call("fit", "cnn", peaks, "--preset", "huge", "--json")
    record = json.loads(answer.err)
    assert answer.code == 2 and record["got"] == "huge" and record["expected"] == "default, tiny"


def test_dry_run_says_the_cost_and_writes_nothing(peaks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = done("fit", "cnn", peaks, *FAST, "--dry-run", "--json").json
    assert record["examples"] == 600 and record["parameters"] == "778"
    assert {"training", "memory", "disk", "downloads"} <= set(record)
    assert list(tmp_path.iterdir()) == []


def test_repeated_inputs_need_names(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("id,g1\ns1,1\n")
    answer = call("fit", "diablo", "--view", table, "--labels", table)
    assert answer.code == 2 and "NAME=FILE" in answer.err
    answer = call("fit", "diablo", "--labels", table)
    assert answer.code == 2 and "--view NAME=FILE" in answer.err
