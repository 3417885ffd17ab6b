from __future__ import annotations

import importlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError, MismatchError
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import Genomes
from chiasma.data.split import Split
from chiasma.fit.checkpoint import module_arrays
from chiasma.fit.genomes_task import GenomesTask
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Silent
from chiasma.fit.task import Task
from chiasma.fit.training import Training
from chiasma.metrics.tracks import pearson_by_track
from chiasma.simulate.planted_tracks import planted_genomes, planted_tracks

METHODS = ("basenji", "enformer", "borzoi")
HEADS = {"first": 1, "second": 3}


def module(method: str, part: str) -> Any:
    return importlib.import_module(f"chiasma.methods.regulation.{method}.{part}")


def genomes(data: Dataset) -> Genomes:
    assert isinstance(data.x, Genomes)
    return data.x


def example(method: str, examples: int = 10) -> tuple[Any, Dataset, Split]:
    config = module(method, "config").tiny()
    data = planted_genomes(1, examples=examples, bin=config.bin, crop=config.crop)
    turn = np.array(["train", "train", "train", "valid", "test"], dtype=object)
    return config, data, Split("given", data.ids, turn[genomes(data).row % 5])


def task_of(method: str, examples: int = 10, **training: object) -> tuple[Any, Dataset, Split]:
    config, data, split = example(method, examples)
    config = config.replace(training=config.training.replace(**{"batch_size": 4, **training}))
    task = module(method, "task").make_task(config, data, split)
    assert isinstance(task, GenomesTask) and isinstance(task, Task)
    return task, data, split


def network(method: str, task: GenomesTask) -> torch.nn.Module:
    return build_seeded(module(method, "model").build, task.config, HEADS, seed=1)


@pytest.mark.parametrize("method", METHODS)
def test_networks_learn_two_genomes_in_turn(method: str, tmp_path: Path) -> None:
    task, data, split = task_of(method, epochs=3)
    assert json.loads(json.dumps(task.meta())) == task.meta()
    model = network(method, task)
    history = train(task, model, task.config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    assert history.epochs[-1]["train_loss"] < history.epochs[0]["train_loss"]
    found = predict(task, model, "test", device="cpu")
    assert tuple(found) == task.columns == (
        "yhat_first:ctcf", "yhat_second:ap1", "yhat_second:ap1+", "yhat_second:ap1-")  # fmt: skip
    assert {values.shape[0] for values in found.values()} == {2}
    again = module(method, "task").make_task(task.config, data.take(split.where("test")), None, meta=task.meta())
    whole = predict(again, model, "all", device="cpu")
    np.testing.assert_allclose(whole["yhat_second:ap1+"], found["yhat_second:ap1+"], rtol=1e-5)


def test_each_head_learns_the_tracks_of_its_genome(tmp_path: Path) -> None:
    task, data, split = task_of("basenji", 60, epochs=10, learning_rate=0.02, schedule="one-cycle", batch_size=8)
    model = network("basenji", task)
    train(task, model, task.config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    found = predict(task, model, "test", device="cpu")
    test = {name: genomes(data).of(name).take(split.part[genomes(data).where(name)] == "test") for name in HEADS}
    for name, least in (("first", 0.6), ("second", 0.3)):
        columns = [values for key, values in found.items() if key.startswith(f"yhat_{name}:")]
        scores = pearson_by_track([(test[name].target.values, np.stack(columns, axis=-1))])
        assert scores.min() > least and scores[0] > 0.6
    # AP-1's head has not learnt CTCF's track, though the trunk sees its motif
    with torch.no_grad():
        other = task.tasks["second"].predict(model.eval(), next(iter(task.tasks["first"].batches("test", 1, 0))))
    values = test["first"].target.values[: len(other["yhat_ap1"]), :, 0].astype(float)
    assert abs(np.corrcoef(values.ravel(), other["yhat_ap1"].ravel())[0, 1]) < 0.4


def test_batches_are_of_one_genome_and_alternate() -> None:
    task, data, split = task_of("basenji", 20)
    for epoch in range(2):
        batches = list(task.batches("train", 1, epoch))
        heads = [batch["head"].unique().tolist() for batch in batches]
        assert len(batches) == task.n_batches("train") == 6 and all(len(head) == 1 for head in heads)
        assert all(one != other for one, other in pairwise(heads))
        for number, name in enumerate(HEADS):
            seen = torch.cat([batch["y"] for batch, head in zip(batches, heads) if head == [number]])
            index = genomes(data).where(name)[split.part[genomes(data).where(name)] == "train"]
            expected = genomes(data).of(name).target.values[genomes(data).row[index]]
            assert seen.double().sum() == pytest.approx(expected.astype(float).sum())
    sizes = [[batch["head"][0].item() for batch in task.batches(part, 1, 0)] for part in ("valid", "test")]
    assert sizes == [[0, 0, 1, 1], [0, 0, 1, 1]]


def test_genomes_of_unequal_size_are_spread_evenly() -> None:
    task, data, _ = task_of("basenji", 40)
    few = np.concatenate([genomes(data).where("first"), genomes(data).where("second")[:15]])
    part = np.full(len(few), "train", dtype=object)
    small = data.take(few)
    batches = GenomesTask(task.config, small, Split("given", small.ids, part), loss=task.tasks["first"]._loss)
    turns = [batch["head"][0].item() for batch in batches.batches("train", 1, 0)]
    assert len(turns) == 14 and sum(turns) == 4
    assert min(np.diff(np.flatnonzero(turns))) >= 3


def test_a_step_leaves_the_other_head_alone() -> None:
    task, _, _ = task_of("basenji")
    model = network("basenji", task)
    batch = next(iter(task.batches("train", 1, 0)))
    task.loss(model, batch).backward()
    for name, value in model.named_parameters():
        assert (value.grad is None) == name.startswith("heads.layers.second"), name


class KilledError(Exception):
    pass


def test_a_killed_training_ends_with_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(folder: str) -> dict[str, np.ndarray]:
        task, _, _ = task_of("basenji", epochs=3)
        model = network("basenji", task)
        train(task, model, task.config.training, seed=1, folder=tmp_path / folder, device="cpu", progress=Silent())
        return module_arrays(model)

    expected, epoch = run("whole"), Training.one_epoch

    def dying(self: Training, progress: Any) -> None:
        if len(self.rows) == 2:
            raise KilledError
        epoch(self, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "one_epoch", dying)
        with pytest.raises(KilledError):
            run("killed")
    found = run("killed")
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


@pytest.mark.slow
def test_two_processes_train_both_heads(tmp_path: Path) -> None:
    """Batch norms see half a batch each, so that the weights are near those of one process and not the same."""
    found = []
    for devices in (1, 2):
        task, _, _ = task_of("basenji", epochs=2, devices=devices, learning_rate=1e-3)
        model = network("basenji", task)
        before = module_arrays(model)
        train(
            task, model, task.config.training, seed=1, folder=tmp_path / str(devices), device="cpu", progress=Silent()
        )
        found.append(module_arrays(model))
    for name in (name for name in before if "heads" in name):
        assert np.abs(found[1][name] - before[name]).max() > 1e-3, name
        np.testing.assert_allclose(found[0][name], found[1][name], atol=5e-3, err_msg=name)


def test_what_does_not_fit_is_refused() -> None:
    task, data, split = task_of("basenji")
    with pytest.raises(InputError, match="windows of genomes are needed"):
        GenomesTask(task.config, planted_tracks(1), None, loss=task.tasks["first"]._loss)
    with pytest.raises(InputError, match="the split is not of these data"):
        task_of_part = data.take(np.arange(4))
        GenomesTask(task.config, task_of_part, split, loss=task.tasks["first"]._loss)
    meta = task.meta()
    meta["heads"] = {"third": meta["heads"]["first"], "second": meta["heads"]["second"]}
    with pytest.raises(MismatchError, match=r"not the heads of the model(.|\n)*third"):
        module("basenji", "task").make_task(task.config, data, None, meta=meta)
