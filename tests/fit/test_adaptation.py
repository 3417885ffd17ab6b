"""Training with real windows beside simulations: what is shown, a planted shift unlearnt, resuming, a weight of 0."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.rng import generator
from chiasma.fit.adaptation import AdaptedTask, hidden_layer
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.checkpoint import load_arrays
from chiasma.fit.config import TrainingConfig
from chiasma.fit.history import TrainingHistory
from chiasma.fit.loop import build_seeded, train
from chiasma.fit.progress import Lines, Silent
from chiasma.fit.task import Batch
from chiasma.nn.gradient_reversal import DomainAdversarial
from fit.test_loop import Killer, untimed

BATCH = 32


class Points:
    """Points with a class; the last column tells of it in simulations, in real ones it is off and does not."""

    columns: tuple[str, ...] = ("p_one",)

    def __init__(self, n: int, *, real: bool, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.y = np.arange(n) % 2
        x = draw.standard_normal((n, 3))
        x[:, 0] += 1.5 * (2 * self.y - 1)
        x[:, 2] += 3 if real else 0.7 * (2 * self.y - 1)
        self.x, self.real = x.astype(np.float32), real

    def n_batches(self, part: str) -> int:
        return math.ceil(len(self.x) / BATCH) if part in ("train", "all") else 0

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[Batch]:
        rows = np.arange(len(self.x))
        if part == "train":
            rows = generator(seed, "train", epoch).permutation(rows)
        for begin in range(0, len(rows), BATCH):
            taken = rows[begin : begin + BATCH]
            batch = {"x": torch.from_numpy(self.x[taken]), "row": torch.from_numpy(taken)}
            yield batch if self.real else {**batch, "y": torch.from_numpy(self.y[taken].astype(np.float32))}

    def inputs(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        return (batch["x"],)

    def criterion(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        return binary_cross_entropy_with_logits(outputs, batch["y"])

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return self.criterion(model(*self.inputs(batch)), batch)

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Any]:
        return {"p_one": model(*self.inputs(batch)).sigmoid().numpy()}

    def meta(self) -> dict[str, Any]:
        return {}


class Net(nn.Module):
    hidden_width = 8

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 1)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.first(x))

    def answer(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.last(hidden)[:, 0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer(self.hidden(x))


TRAINING = TrainingConfig(
    epochs=20, batch_size=BATCH, learning_rate=2e-2, weight_decay=0.0, schedule="cosine", clip_norm=0.0, patience=20
)
SIMULATED, REAL = Points(400, real=False, seed=2), Points(300, real=True, seed=52)


def net() -> Net:
    return build_seeded(lambda config, outputs: Net(), None, None, seed=1)  # type: ignore[return-value]


def adapt(
    folder: Path, *, progress: Any = None, real: Points = REAL, neutral: int | None = None, **changes: Any
) -> tuple[DomainAdversarial, TrainingHistory]:
    config = AdaptationConfig(units=16, **changes)
    whole = build_seeded(lambda units, network: DomainAdversarial(network, units=units), 16, net(), seed=2)
    task = AdaptedTask(SIMULATED, real, config=config, epochs=TRAINING.epochs, neutral=neutral)
    told = progress or Silent()
    history = train(task, whole, TRAINING, seed=3, folder=folder, device="cpu", progress=told, keeps_last=True)
    return whole, history  # type: ignore[return-value]


def area(network: Net) -> float:
    """How well new real points are told from new simulated ones by the hidden layer."""
    tests = [hidden_layer(Points(400, real=real, seed=7), network, "all", device="cpu") for real in (False, True)]
    x, y = np.concatenate(tests), np.repeat([0, 1], 400)
    half = np.arange(800) % 2 == 0
    return float(roc_auc_score(y[~half], LogisticRegression().fit(x[half], y[half]).decision_function(x[~half])))


def accuracy(network: Net, *, real: bool) -> float:
    points = Points(2_000, real=real, seed=8)
    with torch.no_grad():
        return float(((network(torch.from_numpy(points.x)).numpy() > 0) == points.y).mean())


def test_a_planted_shift_is_unlearnt(tmp_path: Path) -> None:
    plain = net()
    train(SIMULATED, plain, TRAINING, seed=3, folder=tmp_path / "plain", device="cpu", progress=Silent())
    adapted, _ = adapt(tmp_path / "adapted")
    network = adapted.network
    assert isinstance(network, Net)
    assert area(plain) > 0.9 and area(network) < area(plain) - 0.1
    # what it answers of either is not the worse for it; how much better it is of real points is chance
    assert accuracy(plain, real=False) > 0.9 and accuracy(network, real=False) > 0.9
    assert accuracy(network, real=True) > accuracy(plain, real=True) - 0.02


def test_batches_hold_as_many_real_windows_and_all_of_them_in_turn() -> None:
    task = AdaptedTask(SIMULATED, REAL, config=AdaptationConfig(), epochs=4)
    assert task.n_batches("train") == 13 and task.columns == SIMULATED.columns and task.meta() == {}
    factors: list[float] = []
    for epoch in range(4):
        shown: list[int] = []
        for batch in task.batches("train", 5, epoch):
            assert len({len(value) for value in batch.values()}) == 1
            shown += batch["real|row"].tolist()
            factors.append(float(batch["adaptation|factor"][0]))
            assert "real|y" not in batch and (batch["adaptation|against"] == 1).all()
        assert len(shown) == 400 and len(set(shown)) > 250  # of 300, whole batches of 32 of each pass
        again = [batch["real|row"].tolist() for batch in task.batches("train", 5, epoch)]
        assert [row for rows in again for row in rows] == shown
    np.testing.assert_allclose(factors, np.tanh(5 * np.arange(52) / 52), atol=1e-6)
    assert next(set(batch) for batch in task.batches("all", 5, 0)) == {"x", "row", "y"}


def test_real_windows_may_be_held_against_one_class() -> None:
    task = AdaptedTask(SIMULATED, REAL, config=AdaptationConfig(against="neutral"), epochs=1, neutral=0)
    batch = next(task.batches("train", 5, 0))
    assert torch.equal(batch["adaptation|against"], 1 - batch["y"])
    whole = DomainAdversarial(net(), units=4)
    found = float(task.loss(whole, batch).detach())
    with torch.no_grad():
        answers, logits = whole((batch["x"],), (batch["real|x"],), batch["adaptation|factor"])
        assert logits is not None
        simulated = torch.nn.functional.softplus(logits[:BATCH][batch["y"] == 0]).mean()
        observed = torch.nn.functional.softplus(-logits[BATCH:]).mean()
        expected = SIMULATED.criterion(answers, batch) + (simulated + observed) / 2
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_a_weight_of_zero_trains_the_head_alone(tmp_path: Path) -> None:
    train(SIMULATED, net(), TRAINING, seed=3, folder=tmp_path / "plain", device="cpu", progress=Silent())
    adapt(tmp_path / "zero", weight=0.0, schedule="constant")
    (plain, _), (zero, _) = (load_arrays(tmp_path / name / "checkpoint", "last") for name in ("plain", "zero"))
    weights = [name for name in plain if name.startswith("model|")]
    for name in weights:
        np.testing.assert_array_equal(plain[name], zero[name.replace("model|", "model|network.")])
    assert len(weights) == 4 and np.abs(zero["model|head.3.weight"]).sum() > 0


def test_the_last_epoch_is_kept_and_a_stopped_training_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    said = StringIO()
    whole, history = adapt(tmp_path / "whole", progress=Lines(said))
    assert len(said.getvalue().splitlines()) == 20 and "best" not in said.getvalue()  # by what would it be?
    assert history.best_epoch == TRAINING.epochs - 1 and history.stopped_because == "all 20 epochs done"
    with pytest.raises(KeyboardInterrupt):
        adapt(tmp_path / "cut", progress=Killer(epoch=11, batch=5))
    again, resumed = adapt(tmp_path / "cut")
    assert untimed(history) == untimed(resumed)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in whole.state_dict().items())
