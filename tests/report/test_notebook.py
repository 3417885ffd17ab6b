"""The notebook is valid and its cells run."""

from __future__ import annotations

import json

import pytest

from chiasma.report.load import read_run
from chiasma.report.notebook import write_notebook
from chiasma.report.words import verdict
from report.fake_run import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_cells_run_in_order(kind, runs, tmp_path):
    document = json.loads(write_notebook(runs[kind], tmp_path / "run.ipynb").read_text())
    assert document["nbformat"] == 4 and len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    assert verdict(read_run(runs[kind])) in "".join(document["cells"][0]["source"])
    shown: list[object] = []
    names: dict[str, object] = {"display": shown.append}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert len(names["test"]) > 0
    assert bool(shown) == bool(read_run(runs[kind]).explain)
