"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from command_line import done

settings.register_profile("chiasma", deadline=None)  # a busy machine is no failure
settings.load_profile("chiasma")


def _folder(variable: str, default: Path | None) -> Path | None:
    value = os.environ.get(variable)
    path = Path(value) if value else default
    return path if path is not None and path.is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; a test that needs it carries the marker realdata."""
    path = _folder("CHIASMA_DATA", None)
    if path is None:
        pytest.skip("CHIASMA_DATA is not set or is not a folder: real data are absent")
    return path


@pytest.fixture(scope="session")
def reference_dir(data_dir: Path) -> Path:
    """Outputs recorded from the original tools."""
    path = _folder("CHIASMA_REFERENCE", data_dir.parent / "reference")
    if path is None:
        pytest.skip("CHIASMA_REFERENCE is absent: recorded outputs of the original tools cannot be compared")
    return path


@pytest.fixture(scope="session")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FASTA of 300 simulated peaks."""
    path = tmp_path_factory.mktemp("peaks") / "peaks.fa"
    done("simulate", "peaks", "-n", 300, "--seed", 3, "-o", path)
    return path


@pytest.fixture(scope="session")
def cnn_run(peaks: Path) -> Path:
    """A complete run of the small CNN on simulated peaks, with rivals, explanation and report."""
    run = peaks.parent / "cnn"
    flags = ("--preset", "tiny", "--epochs", 3, "--draws", 200, "--explain-seconds", 5, "--explain-examples", 20)
    done("fit", "cnn", peaks, *flags, "-o", run)
    return run
