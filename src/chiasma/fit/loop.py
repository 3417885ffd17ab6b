"""The one training loop, on lightning-fabric.

Everything that an epoch does follows from (seed, epoch) and from the checkpoint of the epoch before: its batches,
its dropout, its step sizes. A killed training that is started again therefore ends with the numbers of one that was
left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import derive_seed
from chiasma.fit.checkpoint import load_arrays, load_module
from chiasma.fit.config import TrainingConfig
from chiasma.fit.devices import make_fabric, pick_device, reproducible
from chiasma.fit.history import TrainingHistory
from chiasma.fit.progress import Lines, Progress, Silent
from chiasma.fit.task import Task
from chiasma.fit.training import Training


def build_seeded(build: Callable[[Any, Any], nn.Module], config: Any, outputs: Any, *, seed: int) -> nn.Module:
    """A network whose initial weights follow from `seed` alone; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        return build(config, outputs)


def train(
    task: Task,
    model: nn.Module,
    config: TrainingConfig,
    *,
    seed: int,
    folder: Path | str,
    device: str = "auto",
    progress: Progress | None = None,
    keeps_last: bool = False,
) -> TrainingHistory:
    """Train `model` in place and leave it with the weights of its best epoch, on the CPU.

    Args:
        task: batches, loss; parts "train" and, for stopping and the choice of the epoch, "valid".
        model: any module that the task's loss can call.
        config: the settings.
        seed: of shuffling, augmentation and dropout.
        folder: gets `checkpoint/` and `log.jsonl`; an unfinished training found there goes on.
        device: auto, cuda, mps or cpu.
        progress: who hears of batches and epochs; by default stderr.
        keeps_last: train all epochs and keep the last, where the validation loss is not what to choose by.

    Raises:
        InsufficientDataError: no training examples.
        RunError: the loss is no longer a number, or the folder cannot be written.
        UsageError: the folder holds a training with other settings, or the device is absent.
    """
    if task.n_batches("train") == 0:
        raise InsufficientDataError("the train part is empty", do="check the split's sizes")
    where = pick_device(device)
    fabric, spawns = make_fabric(config, where, in_turn=getattr(task, "in_turn", False))
    arguments = (task, model.cpu(), config, seed, Path(folder), progress)
    if spawns:
        history = fabric.launch(_run, *arguments, keeps_last=keeps_last)
    else:
        fabric.launch()
        history = _run(fabric, *arguments, keeps_last=keeps_last)
    model.cpu()
    best, _ = load_arrays(Path(folder) / "checkpoint", "best")
    load_module(model, best, where=Path(folder) / "checkpoint")
    return TrainingHistory.from_dict(history)


def predict(task: Task, model: nn.Module, part: str, *, device: str = "auto") -> dict[str, np.ndarray]:
    """Columns of `task.columns`, each (example,), for a part's examples in order; the model ends on the CPU."""
    where = pick_device(device)
    was_training = model.training
    model.to(where).eval()
    pieces: dict[str, list[np.ndarray]] = {name: [] for name in task.columns}
    with reproducible(where), torch.no_grad():
        for batch in task.batches(part, 0, 0):
            there = {name: value.to(where) for name, value in batch.items()}
            for name, values in task.predict(model, there).items():
                pieces[name].append(np.asarray(values))
    model.cpu().train(was_training)
    return {name: np.concatenate(found) if found else np.zeros(0, np.float32) for name, found in pieces.items()}


def _run(
    fabric: Any,
    task: Task,
    model: nn.Module,
    config: TrainingConfig,
    seed: int,
    folder: Path,
    progress: Progress | None,
    *,
    keeps_last: bool,
) -> dict[str, Any]:
    """What one process does; returns the history as plain fields, which can cross to the parent process."""
    reporter = progress or Lines()
    with reproducible(fabric.device):
        training = Training(fabric, task, model, config, seed=seed, folder=folder, keeps_last=keeps_last)
        training.resume()
        while training.stopped_because is None:
            training.one_epoch(reporter if fabric.global_rank == 0 else Silent())
    return training.history().to_dict()
