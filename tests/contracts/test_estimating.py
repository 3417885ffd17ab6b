"""`--dry-run` counts the epochs that the loop would make, in the folder that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from chiasma.core.cards import list_cards
from chiasma.fit.config import TrainingConfig
from chiasma.workflow.estimating import estimate_cost
from chiasma.workflow.fitting import plan


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
