"""Several processes and nodes: one command starts them, whatever launcher stands around it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import UsageError
from chiasma.fit.launch import refuse_launcher
from command_line import FAST, call, done


def test_a_launcher_of_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(UsageError, match="torchrun"):
        refuse_launcher()
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    with pytest.raises(UsageError, match="4 tasks"):
        refuse_launcher()
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_PROCID", "0")
    refuse_launcher()


def test_nodes_must_know_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="MASTER_ADDR, MASTER_PORT, NODE_RANK"):
        refuse_launcher(nodes=2)


def test_torchrun_is_refused_before_anything_is_written(
    peaks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    answer = call("fit", "cnn", peaks, *FAST, "-o", tmp_path / "r")
    assert answer.code == 2 and "start it once" in answer.err
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_through_the_command_line_train_alike(peaks: Path, tmp_path: Path) -> None:
    common = ("fit", "cnn", peaks, *FAST, "--set", "dropout=0", "--device", "cpu")
    done(*common, "-o", tmp_path / "one")
    done(*common, "--set", "training.devices=2", "-o", tmp_path / "two")
    one, two = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("one", "two"))
    np.testing.assert_allclose(one["p_positive"], two["p_positive"], atol=1e-3)


@pytest.mark.slow
def test_two_nodes_end_with_the_same_weights_in_a_run_each(peaks: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "chiasma.cli.main", "fit", "cnn", str(peaks), *FAST, "--device", "cpu"]
    command += ["--set", "training.nodes=2", "-o"]
    around = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([*command, str(tmp_path / str(rank))], env={**around, "NODE_RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in started] == [0, 0]
    first, second = (pd.read_parquet(tmp_path / str(rank) / "predictions.parquet") for rank in range(2))
    pd.testing.assert_frame_equal(first, second)
