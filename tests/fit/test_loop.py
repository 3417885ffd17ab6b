from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from chiasma.core.errors import InputError, InsufficientDataError, RunError, UsageError
from chiasma.data.split import Split
from chiasma.fit.config import TrainingConfig
from chiasma.fit.history import TrainingHistory
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Lines, Silent
from chiasma.methods.sequence.cnn.config import Config, tiny
from chiasma.methods.sequence.cnn.model import build
from chiasma.methods.sequence.cnn.task import make_task
from chiasma.simulate.planted import planted_motifs


class Line:
    """y = 2 x + 1, with losses that can be scripted."""

    columns = ("yhat_y",)

    def __init__(self, *, valid: list[float] | None = None, factor: float = 1.0, nan_at: int | None = None) -> None:
        self.valid, self.factor, self.nan_at = valid, factor, nan_at
        self.seen = 0

    def n_batches(self, part: str) -> int:
        return {"train": 4, "valid": 0 if self.valid is None else 1, "all": 1}.get(part, 0)

    def batches(self, part: str, seed: int, epoch: int) -> Iterator[dict[str, torch.Tensor]]:
        draw = np.random.default_rng([seed, epoch])
        for index in range(self.n_batches(part)):
            x = torch.from_numpy(draw.standard_normal((8, 1)).astype(np.float32))
            yield {"x": x, "index": torch.full((8,), index), "validating": torch.full((8,), part == "valid")}

    def loss(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        if batch["validating"][0] and self.valid is not None:
            self.seen += 1
            return torch.tensor(self.valid[self.seen - 1])
        if self.nan_at is not None and int(batch["index"][0]) == self.nan_at:
            return model(batch["x"]).sum() * float("nan")
        return (model(batch["x"]) - 2 * batch["x"] - 1).pow(2).mean() * self.factor

    def meta(self) -> dict[str, Any]:
        return {}

    def predict(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, Any]:
        return {"yhat_y": model(batch["x"])[:, 0].numpy()}


def settings(**changes: Any) -> TrainingConfig:
    return TrainingConfig.parse({"epochs": 6, "learning_rate": 0.05, "schedule": "constant", **changes})


def fit_line(task: Line, folder: Path, *, seed: int = 1, **changes: Any) -> tuple[nn.Linear, TrainingHistory]:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    history = train(task, model, settings(**changes), seed=seed, folder=folder, device="cpu", progress=Silent())
    return model, history


def cnn(config: Config) -> tuple[Any, nn.Module]:
    data = planted_motifs(5, examples=120)
    part = np.array(["train", "train", "valid", "test"], dtype=object)[np.arange(120) % 4]
    return make_task(config, data, Split("given", data.ids, part)), build_seeded(build, config, 2, seed=1)


def untimed(history: TrainingHistory) -> dict[str, Any]:
    fields = history.to_dict()
    rows = [{k: v for k, v in row.items() if "second" not in k} for row in fields.pop("epochs")]
    return {"rows": rows, **{k: v for k, v in fields.items() if "second" not in k}}


def same_weights(one: nn.Module, two: nn.Module) -> bool:
    return all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


class Killer(Silent):
    """Stops the training at a batch of an epoch, or right after an epoch was kept."""

    def __init__(self, *, epoch: int, batch: int | None, hard: bool = False) -> None:
        self.at, self.hard = (epoch, batch), hard

    def _maybe(self, here: tuple[int, int | None]) -> None:
        if here == self.at:
            if self.hard:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt

    def batch(self, *, epoch: int, done: int, total: int, examples: int) -> None:
        self._maybe((epoch, done))

    def epoch(self, row: Mapping[str, Any], *, best: bool, most: int) -> None:
        self._maybe((row["epoch"], None))


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_training_that_was_stopped_ends_with_the_numbers_of_one_that_was_not(
    tmp_path: Path, optimiser: str, batch: int | None
) -> None:
    config = tiny().replace(training={"epochs": 5, "batch_size": 16, "schedule": "one-cycle", "optimiser": optimiser})
    task, whole = cnn(config)
    expected = train(task, whole, config.training, seed=3, folder=tmp_path / "whole", progress=Silent())
    task, model = cnn(config)
    with pytest.raises(KeyboardInterrupt):
        killer = Killer(epoch=2, batch=batch)
        train(task, model, config.training, seed=3, folder=tmp_path / "part", progress=killer)
    task, model = cnn(config)
    torch.rand(7)  # the state of the global generator must not matter
    found = train(task, model, config.training, seed=3, folder=tmp_path / "part", progress=Silent())
    assert untimed(found) == untimed(expected)
    assert same_weights(whole, model)
    again = train(task, cnn(config)[1], config.training, seed=3, folder=tmp_path / "part", progress=Silent())
    assert again == found, "a finished training is only read back"


SCRIPT = """
import sys
from fit import test_loop as t
task, model = t.cnn(t.tiny())
progress = t.Killer(epoch=3, batch=2, hard=True) if sys.argv[2] == "kill" else t.Silent()
t.train(task, model, t.tiny().training, seed=3, folder=sys.argv[1], device="cpu", progress=progress)
"""


def test_kill_9_then_the_same_command(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    code = SCRIPT.replace("from fit import test_loop as t", _loader(Path(__file__)))
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path), "kill"], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3
    subprocess.run([sys.executable, "-c", code, str(tmp_path), "go on"], env=environment, check=True)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    task, model = cnn(tiny())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = train(task, model, tiny().training, seed=3, folder=tmp_path / "whole", progress=Silent())
    torch.set_num_threads(threads)
    assert [row["valid_loss"] for row in log] == [row["valid_loss"] for row in expected.epochs]
    assert not [path for path in (tmp_path / "checkpoint").iterdir() if path.name.startswith(".")]


def _loader(path: Path) -> str:
    return (
        f"import importlib.util as u; s = u.spec_from_file_location('t', {str(path)!r}); "
        "t = u.module_from_spec(s); sys.modules['t'] = t; s.loader.exec_module(t)"
    )


def test_it_learns_and_answers(tmp_path: Path) -> None:
    task = Line()
    model, history = fit_line(task, tmp_path, epochs=60)
    assert history.best_epoch == 59 and history.stopped_because == "all 60 epochs done"
    assert [round(value.item(), 1) for value in (model.weight, model.bias)] == [2.0, 1.0]
    found = predict(task, model, "all", device="cpu")
    x = next(task.batches("all", 0, 0))["x"][:, 0].numpy()
    np.testing.assert_allclose(found["yhat_y"], 2 * x + 1, atol=0.2)
    assert predict(task, model, "nowhere", device="cpu")["yhat_y"].shape == (0,)


def test_it_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    task = Line(valid=[3.0, 2.0, 2.5, 1.95, 2.2, 2.3])
    _, history = fit_line(task, tmp_path, patience=2)
    assert (history.best_epoch, len(history.epochs)) == (3, 6)
    task = Line(valid=[3.0, 2.0, 2.5, 1.95, 2.2, 2.3])
    model, history = fit_line(task, tmp_path / "delta", patience=2, min_delta=0.1)
    assert (history.best_epoch, len(history.epochs)) == (1, 4)
    assert history.stopped_because == "no lower validation loss for 2 epochs"
    two, _ = fit_line(Line(), tmp_path / "two", epochs=2)
    assert same_weights(model, two), "the weights are those of the best epoch"


def test_small_data_gets_more_passes(tmp_path: Path) -> None:
    _, history = fit_line(Line(), tmp_path, epochs=2, min_steps=30)
    assert len(history.epochs) == 8  # 4 batches an epoch


def test_time_limit_is_said(tmp_path: Path) -> None:
    _, history = fit_line(Line(), tmp_path, time_limit_s=1e-6)
    assert len(history.epochs) == 1 and history.stopped_because.startswith("time limit of 1e-06 s reached after 1")


def test_loss_that_is_no_number_names_epoch_and_batch(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"epoch 0, batch 2: the loss is no longer a number[\s\S]*learning_rate"):
        fit_line(Line(nan_at=2), tmp_path)
    with pytest.raises(RunError, match="no longer a number"):
        fit_line(Line(valid=[float("inf")]), tmp_path)


def test_other_settings_or_seed_are_refused(tmp_path: Path) -> None:
    fit_line(Line(), tmp_path)
    for changes in ({"learning_rate": 0.01}, {"seed": 2}):
        with pytest.raises(UsageError, match="other settings, data or seed"):
            fit_line(Line(), tmp_path, **changes)


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    fit_line(Line(), tmp_path)
    path = tmp_path / "checkpoint" / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="damaged"):
        fit_line(Line(), tmp_path)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    data = planted_motifs(1, examples=8)
    part = np.array(["test"] * 8, dtype=object)
    task = make_task(tiny(), data, Split("given", data.ids, part))
    with pytest.raises(InsufficientDataError, match="train part is empty"):
        train(task, build(tiny(), 2), tiny().training, seed=1, folder=tmp_path)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = nn.Linear(1, 1)
    start = [value.detach().clone() for value in before.parameters()]
    clipped, history = fit_line(
        Line(factor=1e4), tmp_path, epochs=1, accumulate=4, optimiser="sgd", learning_rate=1.0, weight_decay=0
    )
    moved = torch.cat([(a - b).flatten() for a, b in zip(clipped.parameters(), start, strict=True)]).norm()
    assert float(moved.detach()) == pytest.approx(1.0, abs=1e-4)
    assert history.epochs[0]["gradient_norm"] > 100


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    config = tiny().replace(dropout=0.0, training={"epochs": 2, "batch_size": 20, "schedule": "cosine"})
    task, large = cnn(config)
    train(task, large, config.training, seed=1, folder=tmp_path / "large", progress=Silent())
    config = config.replace(training=config.training.replace(batch_size=10, accumulate=2))
    task, small = cnn(config)
    train(task, small, config.training, seed=1, folder=tmp_path / "small", progress=Silent())
    for name, value in large.state_dict().items():
        torch.testing.assert_close(value, small.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_global_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    task, model = cnn(tiny())
    train(task, model, tiny().training, seed=1, folder=tmp_path, progress=Silent())
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()


def test_bfloat16_trains_where_it_is_asked_for(tmp_path: Path) -> None:
    config = tiny().replace(training=tiny().training.replace(precision="bf16-mixed", epochs=2))
    task, model = cnn(config)
    history = train(task, model, config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    assert history.device == "cpu x 1, bf16-mixed"
    assert all(value.dtype == torch.float32 for value in model.parameters())


@pytest.mark.parametrize(
    ("device", "changes", "message"),
    [
        ("tpu", {}, "no such device"),
        ("cpu", {"precision": "16-mixed"}, "float16 needs a GPU"),
        ("cpu", {"nodes": 2}, "several nodes must know of each other"),
    ],
)
def test_what_this_machine_cannot_do_is_refused(
    tmp_path: Path, device: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(Line(), nn.Linear(1, 1), settings(**changes), seed=1, folder=tmp_path, device=device)


def test_log_keeps_lines_of_others(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"event": "audit"}\n')
    fit_line(Line(), tmp_path, epochs=2)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["audit", "epoch", "epoch"]
    assert lines[1]["valid_loss"] is None and lines[2]["train_loss"] > 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_line_an_epoch_or_moves_on_a_terminal(tmp_path: Path) -> None:
    plain, moving = io.StringIO(), Terminal()
    for stream in (plain, moving):
        shown = Lines(stream, every_s=0.0)
        torch.manual_seed(0)
        train(
            Line(), nn.Linear(1, 1), settings(epochs=2), seed=1, folder=tmp_path / type(stream).__name__, progress=shown
        )
    assert len(plain.getvalue().splitlines()) == 2
    assert plain.getvalue().startswith("epoch 1 of at most 2  train ") and "\r" not in plain.getvalue()
    assert "\repoch 1  3/4" in moving.getvalue() and "examples/s" in moving.getvalue() and "s left" in moving.getvalue()


def test_progress_goes_to_stderr_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(Line(), nn.Linear(1, 1), settings(epochs=1), seed=1, folder=tmp_path)
    captured = capsys.readouterr()
    assert captured.out == "" and "epoch 1 of at most 1" in captured.err


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    config = tiny().replace(dropout=0.0, training=tiny().training.replace(epochs=2, batch_size=17))
    task, one = cnn(config)
    alone = train(task, one, config.training, seed=1, folder=tmp_path / "one", device="cpu", progress=Silent())
    config = config.replace(training=config.training.replace(devices=2))
    task, two = cnn(config)
    both = train(task, two, config.training, seed=1, folder=tmp_path / "two", device="cpu", progress=Silent())
    assert both.device.startswith("cpu x 2")
    for first, second in zip(alone.epochs, both.epochs, strict=True):
        assert first["train_loss"] == pytest.approx(second["train_loss"], abs=1e-5)
        assert first["valid_loss"] == pytest.approx(second["valid_loss"], abs=1e-5)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, two.state_dict()[name], rtol=1e-4, atol=1e-5)
