from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError, MismatchError
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import reverse_complement
from chiasma.data.split import Split
from chiasma.data.tracks import Tracks
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Silent
from chiasma.fit.task import Task
from chiasma.fit.track_task import TrackTask, moved
from chiasma.metrics.tracks import pearson_by_track
from chiasma.nn.losses import poisson
from chiasma.simulate.planted import planted_motifs
from chiasma.simulate.planted_tracks import planted_tracks

METHODS = ("basenji", "enformer", "borzoi")


def module(method: str, part: str) -> Any:
    return importlib.import_module(f"chiasma.methods.regulation.{method}.{part}")


def split_of(data: Dataset) -> Split:
    turn = np.array(["train", "train", "train", "valid", "test"], dtype=object)
    return Split("given", data.ids, turn[np.arange(len(data)) % 5])


def task_of(method: str, data: Dataset, **changes: object) -> TrackTask:
    config = module(method, "config").tiny().replace(**changes)
    return module(method, "task").make_task(config, data, split_of(data))


def tracks(data: Dataset) -> Tracks:
    assert isinstance(data.x, Tracks)
    return data.x


@pytest.mark.parametrize("method", METHODS)
def test_networks_learn_from_windows(method: str, tmp_path: Path) -> None:
    data = module(method, "examples").example(1)
    assert data.problems() == []
    task = task_of(method, data)
    assert isinstance(task, Task) and json.loads(json.dumps(task.meta())) == task.meta()
    config, build = module(method, "config").tiny(), module(method, "model").build
    model = build_seeded(build, config, data.target.n_outputs, seed=3)
    history = train(task, model, config.training, seed=3, folder=tmp_path, device="cpu", progress=Silent())
    losses = [row["train_loss"] for row in history.epochs]
    assert min(losses[1:]) < losses[0]
    found = predict(task, model, "test", device="cpu")
    assert list(found) == ["yhat_ctcf", "yhat_ap1", "yhat_ap1+", "yhat_ap1-"]
    assert {values.shape for values in found.values()} == {(6, tracks(data).bins)}
    whole = module(method, "task").make_task(config, data, None, meta=task.meta())
    again = predict(whole, model, "all", device="cpu")["yhat_ctcf"][4::5]
    np.testing.assert_allclose(again, found["yhat_ctcf"], rtol=1e-5)


@pytest.mark.slow
def test_basenji_finds_the_planted_motifs(tmp_path: Path) -> None:
    data = planted_tracks(2, examples=120)
    settings = {"epochs": 25, "batch_size": 8, "learning_rate": 5e-3, "schedule": "one-cycle", "weight_decay": 0.0}
    task = task_of("basenji", data, training=settings)
    model = build_seeded(module("basenji", "model").build, task.config, 4, seed=1)
    train(task, model, task.config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    found = np.stack(list(predict(task, model, "test", device="cpu").values()), axis=2)
    assert pearson_by_track([(data.target.values[4::5], found)]).min() > 0.5


def test_the_other_strand_turns_bins_and_exchanges_the_pair() -> None:
    data = planted_tracks(1, examples=5)
    x, y = tracks(data), data.target.values
    task = TrackTask(module("basenji", "config").tiny().replace(max_shift=0), data, split_of(data), loss=poisson)
    rows = np.flatnonzero(split_of(data).part == "train")
    turned = 0
    for epoch in range(6):
        batch = next(iter(task.batches("train", 1, epoch)))
        for codes, values in zip(batch["codes"].numpy(), batch["y"].numpy(), strict=True):
            row = next(
                r for r in rows if (x.codes[r] == codes).all() or (reverse_complement(x.codes[r]) == codes).all()
            )
            same = (x.codes[row] == codes).all()
            turned += not same
            expected = y[row] if same else y[row][::-1][:, [0, 1, 3, 2]]
            np.testing.assert_array_equal(values, expected)
    assert 0 < turned < 18


@torch.no_grad()
@pytest.mark.parametrize("method", METHODS)
def test_predictions_do_not_depend_on_the_strand_given(method: str) -> None:
    data = module(method, "examples").example(1).take(np.arange(4))
    flipped = replace(data, x=replace(tracks(data), codes=reverse_complement(tracks(data).codes)))
    config = module(method, "config").tiny()
    torch.manual_seed(1)
    model = module(method, "model").build(config, 4).eval()
    make = module(method, "task").make_task
    one, two = (predict(make(config, each, None), model, "all", device="cpu") for each in (data, flipped))
    for name, other in (("ctcf", "ctcf"), ("ap1", "ap1"), ("ap1+", "ap1-"), ("ap1-", "ap1+")):
        np.testing.assert_allclose(one[f"yhat_{name}"], two[f"yhat_{other}"][:, ::-1], atol=1e-5)


def test_shifts_are_filled_with_the_unknown() -> None:
    codes = np.array([0, 1, 2, 3], np.uint8)
    assert moved(codes, 1).tolist() == [1, 2, 3, 4] and moved(codes, -2).tolist() == [4, 4, 0, 1]
    assert moved(codes, 0).tolist() == codes.tolist()


def test_batches_repeat_themselves_and_differ_between_epochs() -> None:
    data = planted_tracks(1, examples=10)
    task = task_of("basenji", data)
    first, same, later = (next(iter(task.batches("train", 1, epoch))) for epoch in (0, 0, 1))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["codes"], later["codes"])
    assert [len(list(task.batches(part, 1, 0))) for part in ("train", "valid")] == [1, 1]
    plain = next(iter(task.batches("test", 1, 0)))
    np.testing.assert_array_equal(plain["codes"].numpy(), tracks(data).codes[[4, 9]])


def test_a_memory_map_is_read_as_it_lies(tmp_path: Path) -> None:
    data = planted_tracks(1, examples=10)
    np.save(tmp_path / "y.npy", data.target.values)
    np.save(tmp_path / "x.npy", tracks(data).codes)
    x, y = (np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    mapped = replace(data, x=replace(tracks(data), codes=x), target=replace(data.target, values=y))
    assert mapped.problems() == []
    for one, two in zip(
        task_of("basenji", data).batches("train", 1, 0), task_of("basenji", mapped).batches("train", 1, 0)
    ):
        assert torch.equal(one["y"], two["y"]) and torch.equal(one["codes"], two["codes"])


@pytest.mark.parametrize("method", METHODS)
def test_a_trunk_in_half_precision_trains_a_head_in_single(method: str) -> None:
    """On a CPU's autocast, activations recomputed; batch norms and dropout as in training."""
    data = module(method, "examples").example(1).take(np.arange(10))
    losses, gradients = [], []
    for settings in ({}, {"trunk_precision": "bf16", "checkpointing": True}):
        task = task_of(method, data, reverse_complement=False, max_shift=0, **settings)
        model = build_seeded(module(method, "model").build, task.config, data.target.n_outputs, seed=1).train()
        torch.manual_seed(2)
        loss = task.loss(model, next(iter(task.batches("train", 1, 0))))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(model.heads.layers["tracks"].weight.grad)  # type: ignore[union-attr, index]
    assert losses[1] == pytest.approx(losses[0], rel=0.05) and losses[1] != losses[0]
    assert gradients[1].dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(gradients[0].flatten(), gradients[1].flatten(), dim=0)
    assert float(cosine) > 0.95


def test_bins_at_the_ends_weigh_less_where_that_is_asked() -> None:
    data = module("borzoi", "examples").example(1).take(np.arange(10))
    assert data.target.values.shape[1] == 240

    def loss(ends: float | None, *, at: int) -> float:
        task = task_of("borzoi", data, loss_ends=ends, max_shift=0, reverse_complement=False)
        y = torch.zeros(1, 240, 4)
        y[0, at] = 50.0
        x = {"codes": torch.zeros(1, 1024, dtype=torch.uint8), "y": y}
        return float(task.loss(Flat(), x))

    assert loss(None, at=0) == pytest.approx(loss(None, at=120), rel=1e-5)
    assert loss(8.0, at=0) < loss(8.0, at=120) / 3
    assert loss(8.0, at=120) == pytest.approx(loss(8.0, at=110), rel=1e-2)


class Flat(torch.nn.Module):
    """The same in every bin."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(x), 240, 4)


def test_what_does_not_fit_is_refused() -> None:
    data = planted_tracks(1, examples=5)
    with pytest.raises(InputError, match="windows with tracks are needed"):
        task_of("basenji", planted_motifs(1))
    with pytest.raises(MismatchError, match=r"length 1,024, bin 32, crop 4(.|\n)*length 1,024, bin 4, crop 8"):
        task_of("borzoi", data)
    meta = task_of("basenji", data).meta()
    other = replace(data, target=replace(data.target, names=("a", "b", "c", "d")))
    with pytest.raises(MismatchError, match="the tracks are not those of the model"):
        module("basenji", "task").make_task(module("basenji", "config").tiny(), other, None, meta=meta)
