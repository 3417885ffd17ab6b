"""Killed in the middle of a fit, the same command resumes and ends with the same figures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import chiasma.workflow.evaluating.evaluate as evaluating
from command_line import call, done, left_behind

WORDS = ("--preset", "tiny", "--epochs", 6, "--patience", 6, "--draws", 100, "--no-explain")


def _killed_after(text: str, words: list[str]) -> None:
    """Start the command in another process and kill it, with no warning, once it has printed `text`."""
    command = [sys.executable, "-u", "-m", "chiasma.cli.main", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(text):
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stderr.read()
    assert process.returncode == -signal.SIGKILL


def test_kill_in_the_middle_of_training(peaks, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    done("fit", "cnn", peaks, *WORDS, "-o", whole)
    _killed_after("epoch 2", [str(word) for word in ("fit", "cnn", peaks, *WORDS, "-o", cut)])
    assert not cut.exists() and (tmp_path / "cut.partial").exists()
    early = call("report", cut)
    assert early.code == 3 and "run the same fit command again: it resumes" in early.err
    resumed = done("fit", "cnn", peaks, *WORDS, "-o", cut)
    assert "resuming" in resumed.err and "epoch 1 " not in resumed.err and "epoch 6" in resumed.err
    for name in ("metrics.json", "split.parquet", "audit.json", "predictions.parquet", "model.safetensors"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("stage", ["bootstrap", "write_predictions"])
def test_stopped_in_the_middle_of_the_evaluation(peaks, tmp_path, monkeypatch, stage):
    def stop(*args, **more):
        raise KeyboardInterrupt

    words = ("fit", "cnn", peaks, *WORDS, "--no-rivals", "-o")
    done(*words, tmp_path / "whole")
    with monkeypatch.context() as patch:
        where = evaluating if hasattr(evaluating, stage) else "chiasma.stats.bootstrap"
        patch.setattr(where, stage, stop) if where is evaluating else patch.setattr(f"{where}.{stage}", stop)
        stopped = call(*words, tmp_path / "cut")
    assert stopped.code == 130 and "the same command resumes" in stopped.err
    resumed = done(*words, tmp_path / "cut")
    assert "epoch" not in resumed.err
    for name in ("metrics.json", "predictions.parquet", "model.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_partial_run_of_another_configuration_is_refused(peaks, tmp_path, monkeypatch):
    def stop(*args, **more):
        raise KeyboardInterrupt

    words = ("fit", "cnn", peaks, *WORDS, "-o", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("chiasma.audit.audit.audit", stop)
        assert call(*words).code == 130
    other = call(*words, "--filters", 5)
    assert other.code == 2 and "--overwrite" in other.err
    assert (tmp_path / "run.partial").exists()


@pytest.mark.slow
def test_kill_in_the_middle_of_learning_from_simulations(tmp_path):
    """By other processes and kept nowhere: the simulations are made again, at the same addresses."""
    pytest.importorskip("msprime")
    words = ("fit", "haplotype-cnn", "--preset", "tiny", "--epochs", 4, "--patience", 4, "--draws", 100, "--no-explain")
    done(*words, "-o", tmp_path / "whole")
    _killed_after("epoch 2", [str(word) for word in (*words, "-o", tmp_path / "cut")])
    assert not (tmp_path / "cut").exists() and (tmp_path / "cut.partial").exists()
    resumed = done(*words, "-o", tmp_path / "cut")
    assert "resuming" in resumed.err and "epoch 1 " not in resumed.err and "epoch 4" in resumed.err
    for name in (
        "metrics.json",
        "split.parquet",
        "predictions.parquet",
        "model.safetensors",
        "simulations.safetensors",
    ):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
def test_kill_in_the_middle_of_annealing(tmp_path):
    """A game that was killed goes on from its last step, and ends where it would have."""
    pytest.importorskip("msprime")
    words = ("fit", "pg-gan", "--preset", "tiny", "--set", "posterior_sets=0", "--no-rivals", "--no-explain")
    done(*words, "-o", tmp_path / "whole")
    _killed_after("step 1 of 3", [str(word) for word in (*words, "-o", tmp_path / "cut")])
    assert not (tmp_path / "cut").exists() and (tmp_path / "cut.partial").exists()
    said = done(*words, "-o", tmp_path / "cut").err
    assert "resuming" in said and "start 1" not in said and "step 1 " not in said and "step 3 of 3" in said
    for name in ("metrics.json", "predictions.parquet", "model.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
