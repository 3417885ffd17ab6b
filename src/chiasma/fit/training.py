"""One training between its epochs: what is trained, what is known so far, and how both go to disk and back."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from chiasma.core.errors import RunError, UsageError
from chiasma.core.files import plain, write_text
from chiasma.core.rng import derive_seed
from chiasma.fit.checkpoint import (
    load_arrays,
    load_module,
    load_optimiser,
    module_arrays,
    optimiser_arrays,
    save_arrays,
)
from chiasma.fit.clock import cpu_time
from chiasma.fit.config import TrainingConfig
from chiasma.fit.history import TrainingHistory
from chiasma.fit.optimiser import clip_each, make_optimiser
from chiasma.fit.progress import Progress
from chiasma.fit.schedule import rate_factor
from chiasma.fit.task import Batch, Task

_CHECK_EVERY = 16
"""Batches between looks at the loss: each look waits for the device."""


class Training:
    """The state of one training between epochs, and the epoch itself."""

    def __init__(
        self,
        fabric: Any,
        task: Task,
        model: nn.Module,
        config: TrainingConfig,
        *,
        seed: int,
        folder: Path,
        keeps_last: bool = False,
    ) -> None:
        self.fabric, self.task, self.config, self.seed, self.folder = fabric, task, config, seed, folder
        self.keeps_last = keeps_last
        self.raw = model
        self.optimiser = make_optimiser(model, config)
        self.model, self.stepper = fabric.setup(model, self.optimiser)
        self.batches = task.n_batches("train")
        self.epochs = config.most_epochs(self.batches)
        self.total_steps = self.epochs * config.steps(self.batches)
        self.rows: list[dict[str, Any]] = []
        self.best_epoch, self.best_loss = -1, math.inf
        self.stopped_because: str | None = None
        self.step = 0
        self.seconds = self.cpu_seconds = 0.0

    def one_epoch(self, progress: Progress) -> None:
        """Train, validate, judge, keep."""
        epoch = len(self.rows)
        wall, cpu = time.perf_counter(), cpu_time()
        row = self._train_pass(epoch, progress)
        row["valid_loss"] = self._valid_pass(epoch)
        row["seconds"] = round(time.perf_counter() - wall, 4)
        self.seconds += time.perf_counter() - wall
        self.cpu_seconds += self._of_all(cpu_time() - cpu)
        self.rows.append(row)
        chosen = row["valid_loss"] is not None and not self.keeps_last
        judged = row["valid_loss"] if chosen else -float(epoch)
        if best := judged < self.best_loss - (self.config.min_delta if chosen else 0.0):
            self.best_epoch, self.best_loss = epoch, judged
        self.stopped_because = self._why_stop()
        self._keep(best=best)
        progress.epoch(row, best=best and chosen, most=self.epochs)

    def _of_all(self, seconds: float) -> float:
        """The sum over the processes that train together."""
        if self.fabric.world_size == 1:
            return seconds
        return float(self.fabric.all_reduce(torch.tensor(seconds, dtype=torch.float32), reduce_op="sum"))

    def history(self) -> TrainingHistory:
        """The record so far."""
        examples = sum(row["examples"] for row in self.rows)
        passes = sum(row["examples"] / row["examples_per_second"] for row in self.rows)
        return TrainingHistory(
            epochs=tuple(self.rows),
            best_epoch=self.best_epoch,
            stopped_because=self.stopped_because or "not yet",
            seconds=round(self.seconds, 3),
            cpu_seconds=round(self.cpu_seconds, 3),
            examples_per_second=round(examples / passes, 1) if passes else 0.0,
            parameters=sum(value.numel() for value in self.raw.parameters() if value.requires_grad),
            device=f"{self.fabric.device.type} x {self.fabric.world_size}, {self.fabric.strategy.precision.precision}",
        )

    def _train_pass(self, epoch: int, progress: Progress) -> dict[str, Any]:
        torch.manual_seed(derive_seed(self.seed, "dropout", epoch, self.fabric.global_rank))
        self.model.train()
        began = time.perf_counter()
        total, seen, pending, norms = 0.0, 0, [], []
        rate = 0.0
        for index, batch in enumerate(self.task.batches("train", self.seed, epoch)):
            rate = self._set_rate()
            loss, size = self._forward_backward(batch, index)
            pending.append((index, loss * size))
            seen += size
            if self._is_step(index):
                norms.append(self._take_step())
            if len(pending) == _CHECK_EVERY or index + 1 == self.batches:
                total += self._look_at(pending, epoch)
                pending = []
            progress.batch(epoch=epoch, done=index + 1, total=self.batches, examples=seen)
        if seen == 0 or pending:
            total += self._look_at(pending, epoch)
        elapsed = max(time.perf_counter() - began, 1e-9)
        mean_norm = float(torch.stack(norms).mean()) if norms and self.config.clip_norm else None
        return {
            "epoch": epoch,
            "train_loss": total / max(seen, 1),
            "learning_rate": rate,
            "gradient_norm": mean_norm,
            "examples": seen,
            "examples_per_second": round(seen / elapsed, 1),
        }

    def _forward_backward(self, batch: Batch, index: int) -> tuple[torch.Tensor, int]:
        """Mean loss over the whole batch, of all processes, and the batch's size."""
        local, share, size = self._mine(batch)
        group = self.config.accumulate
        group = min(group, self.batches - index // group * group)
        with self.fabric.no_backward_sync(self.model, enabled=not self._is_step(index)):
            loss = self.task.loss(self.model, local)
            # Processes average their gradients: weighing each by its share makes that the mean over examples.
            self.fabric.backward(loss * (share * self.fabric.world_size / group))
        return loss.detach() * share, size

    def _is_step(self, index: int) -> bool:
        return (index + 1) % self.config.accumulate == 0 or index + 1 == self.batches

    def _take_step(self) -> torch.Tensor:
        norm = torch.zeros(())
        if self.config.clip_norm and self.config.clip_each:
            norm = clip_each(self.raw, self.config.clip_norm)
        elif self.config.clip_norm:
            norm = self.fabric.clip_gradients(
                self.model, self.stepper, max_norm=self.config.clip_norm, error_if_nonfinite=False
            )
        self.stepper.step()
        self.stepper.zero_grad()
        self.step += 1
        return norm.detach()

    def _set_rate(self) -> float:
        rate = self.config.learning_rate * rate_factor(self.step, total=self.total_steps, config=self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return rate

    def _mine(self, batch: Batch) -> tuple[Batch, float, int]:
        """This process's examples of a batch on its device, their share of the batch, and the batch's size."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        size = len(next(iter(batch.values())))
        if world == 1:
            return self.fabric.to_device(batch), 1.0, size
        mine = torch.arange(rank, size, world)
        share = len(mine) / size
        mine = mine if len(mine) else torch.zeros(1, dtype=torch.long)  # takes part, with weight 0
        return self.fabric.to_device({name: value[mine] for name, value in batch.items()}), share, size

    def _look_at(self, pending: list[tuple[int, torch.Tensor]], epoch: int) -> float:
        """Sum of the losses over all processes; raises at the first that is not a number."""
        if not pending:
            return 0.0
        losses = self.fabric.all_reduce(torch.stack([loss for _, loss in pending]), reduce_op="sum").cpu()
        bad = (~torch.isfinite(losses)).nonzero()
        if len(bad):
            raise RunError(
                "the loss is no longer a number",
                where=f"epoch {epoch}, batch {pending[int(bad[0])][0]}",
                got=float(losses[int(bad[0])]),
                do="lower training.learning_rate, set training.clip_norm=1, or training.precision=32; "
                "if it is batch 0 of epoch 0, look for infinite or missing input values",
            )
        return float(losses.double().sum())

    def _valid_pass(self, epoch: int) -> float | None:
        if self.task.n_batches("valid") == 0:
            return None
        self.model.eval()
        pending, seen = [], 0
        with torch.no_grad():
            for index, batch in enumerate(self.task.batches("valid", self.seed, 0)):
                local, share, size = self._mine(batch)
                pending.append((index, self.task.loss(self.model, local) * share * size))
                seen += size
        return self._look_at(pending, epoch) / max(seen, 1)

    def _why_stop(self) -> str | None:
        done = len(self.rows)
        waited = done - 1 - self.best_epoch
        if waited >= self.config.patience:
            return f"no lower validation loss for {waited} epochs"
        if done >= self.epochs:
            return f"all {done} epochs done"
        limit = self.config.time_limit_s
        if limit is not None and self.fabric.broadcast(self.seconds) >= limit:
            return f"time limit of {limit:g} s reached after {done} epochs of at most {self.epochs}"
        return None

    def _identity(self) -> dict[str, Any]:
        kept = {"keeps_last": True} if self.keeps_last else {}
        config = self.config.model_dump(exclude={"time_limit_s"})
        return {"seed": self.seed, "config": config, "batches": self.batches, **kept}

    def _keep(self, *, best: bool) -> None:
        """Write the checkpoint, best weights first: a kill in between repeats this epoch to the same numbers."""
        if self.fabric.local_rank == 0:  # on every node, for each has a run folder of its own
            weights = module_arrays(self.raw)
            if best:
                save_arrays(self.folder / "checkpoint", "best", weights, {"epoch": self.best_epoch})
            state = {f"model|{name}": value for name, value in weights.items()}
            moments = optimiser_arrays(self.raw, self.optimiser)
            state |= {f"optimiser|{name}": value for name, value in moments.items()}
            facts = {"identity": self._identity(), "history": self.history().to_dict(), "step": self.step}
            facts |= {"best_loss": self.best_loss, "stopped_because": self.stopped_because}
            facts |= {"scaler": self.fabric.strategy.precision.state_dict()}
            save_arrays(self.folder / "checkpoint", "last", state, facts)
            _write_log(self.folder / "log.jsonl", self.rows)
        self.fabric.barrier()

    def resume(self) -> None:
        """Take up the checkpoint, if there is one; nodes that have checkpoints of their own must stand alike."""
        self._load_checkpoint()
        steps = [self.step] if self.fabric.world_size == 1 else self.fabric.all_gather(torch.tensor(self.step)).tolist()
        if len(set(steps)) > 1:
            raise RunError(
                "the nodes' checkpoints are not of one step",
                where=self.folder / "checkpoint",
                got=f"steps {sorted(set(steps))}",
                do="copy the checkpoint folder of the first node to the others, or remove it on all",
            )

    def _load_checkpoint(self) -> None:
        if not (self.folder / "checkpoint" / "last.safetensors").exists():
            return
        arrays, facts = load_arrays(self.folder / "checkpoint", "last")
        if facts["identity"] != plain(self._identity()):
            raise UsageError(
                "holds a training with other settings, data or seed",
                where=self.folder / "checkpoint",
                do="give the settings that it began with, or remove the folder",
            )
        model, optimiser = _part(arrays, "model|"), _part(arrays, "optimiser|")
        load_module(self.raw, model, where=self.folder / "checkpoint")
        load_optimiser(self.raw, self.optimiser, optimiser)
        self.fabric.strategy.precision.load_state_dict(facts["scaler"])
        history = facts["history"]
        self.rows, self.best_epoch = list(history["epochs"]), history["best_epoch"]
        self.seconds, self.cpu_seconds = history["seconds"], history["cpu_seconds"]
        self.step, self.best_loss = facts["step"], facts["best_loss"]
        self.stopped_because = facts["stopped_because"]


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    """One line an epoch; lines of other kinds that stand there already are kept, before them."""
    others = []
    if path.exists():
        others = [line for line in path.read_text(encoding="utf-8").splitlines() if '"event": "epoch"' not in line]
    lines = others + [json.dumps({"event": "epoch", **plain(row)}) for row in rows]
    write_text(path, "\n".join(lines) + "\n")
