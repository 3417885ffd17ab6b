"""`--dry-run` counts the epochs that the loop would make, in the folder that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import list_cards
from chiasma.fit.config import TrainingConfig
from chiasma.workflow.fitting.estimate import estimate_cost
from chiasma.workflow.fitting.fit import plan


@pytest.mark.parametrize("batches", [1, 7, 300])
def test_epochs_are_raised_to_the_least_steps(batches: int) -> None:
    config = TrainingConfig(epochs=4, min_steps=100, accumulate=2)
    assert config.most_epochs(batches) * config.steps(batches) >= 100
    assert config.most_epochs(batches) >= 4
    if batches == 1:
        assert config.most_epochs(batches) == 100


def test_dry_run(peaks: Path, tmp_path: Path) -> None:
    settings = {"training": {"epochs": 1, "min_steps": 50, "batch_size": 128}}
    job = plan("cnn", {"positives": peaks}, config=settings, preset="tiny", options={"rivals": False})
    found = estimate_cost(job, output=tmp_path / "here")
    batches = -(-int(found["parts"].split("train ")[1].split(",")[0]) // 128)
    assert f"for {-(-50 // batches)} epochs" in found["training"]
    assert found["output"] == str(tmp_path / "here") and not list(tmp_path.iterdir())
    assert found["memory"].startswith("at least ")
    assert estimate_cost(job)["output"].startswith("runs")


def test_dry_run_of_simulations() -> None:
    pytest.importorskip("msprime")
    name = next(card.name for card in list_cards() if card.data == "simulations")
    found = estimate_cost(plan(name, preset="tiny", options={"workers": 2}))
    assert "epochs on the CPU" in found["training"]


@pytest.mark.parametrize("views", [False, True])
def test_dry_run_of_matrices_names_weak_features(tmp_path: Path, views: bool) -> None:
    values = np.random.default_rng(0).normal(size=(60, 6))
    values[::7, 1], values[:, 4] = np.nan, 3.0
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\n" + "".join(f"s{i},{'ab'[i % 2]}\n" for i in range(60)))
    for name, block in (("one", values), ("two", values[:, :2] + 1)):
        table = pd.DataFrame(
            block, index=[f"s{i}" for i in range(60)], columns=[f"g{j}" for j in range(block.shape[1])]
        )
        (table if name == "one" else table.fillna(0).iloc[5:]).to_csv(tmp_path / f"{name}.csv", index_label="id")
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    inputs = {"view": {"one": one, "two": two}} if views else {"matrix": one}
    job = plan("diablo" if views else "spls-da", {**inputs, "labels": labels}, options={"rivals": False})
    found, prefix = estimate_cost(job), "one:" if views else ""
    assert found["missing"] == f"1 features: {prefix}g1" and found["constant"] == f"1 features: {prefix}g4"
    values[:, 1], values[0, 4] = 0.5, 4
    values[:, 1] += np.arange(60)
    pd.DataFrame(values, index=[f"s{i}" for i in range(60)]).to_csv(one, index_label="id")
    job = plan("spls-da", {"matrix": one, "labels": labels}, options={"rivals": False})
    assert estimate_cost(job)["missing"] == "none"
