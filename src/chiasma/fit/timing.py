"""What a training would cost, from a few of its own steps."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from chiasma.fit.config import TrainingConfig
from chiasma.fit.optimiser import make_optimiser
from chiasma.fit.task import Batch, Task


@dataclass(frozen=True)
class StepTiming:
    """What a step costs on the CPU; least of a few.

    Attributes:
        batch_s: seconds to make a training batch.
        step_s: seconds of forward, backward and the optimiser's step.
        peak_bytes: most memory that this process has held until now, the data included; None where not told.
        parameters: trainable parameters.
    """

    batch_s: float
    step_s: float
    peak_bytes: int | None
    parameters: int


def time_steps(task: Task, model: nn.Module, config: TrainingConfig, *, seed: int, steps: int = 4) -> StepTiming:
    """Make and train on the first few batches; the model is changed, nothing is written."""
    optimiser = make_optimiser(model, config)
    batches: Iterator[Batch] = iter(task.batches("train", seed, 0))
    making, stepping = [], []
    with torch.random.fork_rng(devices=[]):
        for _ in range(steps):
            began = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                break
            made = time.perf_counter()
            optimiser.zero_grad()
            task.loss(model, batch).backward()
            optimiser.step()
            making.append(made - began)
            stepping.append(time.perf_counter() - made)
    parameters = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
    return StepTiming(min(making, default=0.0), min(stepping, default=0.0), peak_memory(), parameters)


def peak_memory() -> int | None:
    """Most bytes that this process has held, or None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak: Any = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024  # bytes there, kibibytes elsewhere
