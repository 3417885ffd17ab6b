"""partialS/HIC: its layers, iHS standardised by neutral training regions, nine classes end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.methods.population.partialshic import examples
from chiasma.methods.population.partialshic.config import Config, tiny
from chiasma.methods.population.partialshic.model import build
from chiasma.methods.population.partialshic.task import make_task
from chiasma.stats.popgen.partial import PARTIAL
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.predicting.predict import predict

pytest.importorskip("msprime")


def test_layers_are_the_published_ones() -> None:
    model = build(Config(), 9)
    shapes = [tuple(value.shape) for value in model.parameters() if value.ndim > 1]
    assert shapes == [(256, 1, 3, 6), (256, 256, 3, 3), (512, 256 * 10 * 2), (128, 512), (9, 128)]
    assert model(torch.zeros(2, 89, 11)).shape == (2, 9)


def test_ihs_is_standardised_by_neutral_training_regions_only() -> None:
    data = examples.example(1)
    task = make_task(tiny(), data, None)
    facts = task.meta()["reader"]
    neutral = [one for one, code in zip(data.x, data.target.values) if examples.CLASSES[code] == "neutral"]
    scores = np.concatenate([one["scores"] for one in neutral])
    edges = np.array(facts["edges"])
    frequency = np.concatenate([one["frequency"] for one in neutral])
    group = np.searchsorted(edges, frequency, side="right") - 1
    for number in range(len(edges)):
        assert facts["mean"][number] == pytest.approx(scores[group == number].mean(), rel=1e-6)
    batch = next(task.batches("all", 0, 0))["grid"]
    row = PARTIAL.index("ihs_mean")
    assert float((batch[:, row].max(dim=1).values - batch[:, row].min(dim=1).values).max()) > 0


def test_from_simulation_to_a_scan(tmp_path: Path) -> None:
    options = {"draws": 100, "executor": "serial", "seed": 2, "rivals": False, "explain": False}
    config = {"training": {"epochs": 1}}
    run = fit("partialshic", output=tmp_path / "r", config=config, preset="tiny", options=options).path
    longer = tiny().replace(sweeps=tiny().sweeps.replace(length=150_000))
    examples.tree_sequence(longer, 5, 0).dump(tmp_path / "long.trees")
    columns, _ = predict(run, {"input": tmp_path / "long.trees"}, output=tmp_path / "scan.bed")
    lines = (tmp_path / "scan.bed").read_text().strip().split("\n")
    assert len(lines) == 1 + 5 and [line.split("\t")[1] for line in lines[1:]] == [
        str(50_000 + 10_000 * i) for i in range(5)
    ]
    assert set(columns["call"]) <= set(examples.CLASSES) and len(columns["p_partial_soft"]) == 5
