"""One fake run of each kind, reported once for all tests, which leave them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from chiasma.report.page import write_report
from report.fake_run import KINDS, fake_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {kind: fake_run(folder / kind, kind) for kind in KINDS}
    for run in made.values():
        write_report(run)
    return made
