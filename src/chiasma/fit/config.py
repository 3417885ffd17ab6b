"""How a network is trained; the same fields for every method. No torch here: the command line reads it."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from chiasma.core.config import Config


class TrainingConfig(Config):
    """Settings of the training loop."""

    epochs: int = Field(default=20, ge=1, description="most passes; more on small data, see min_steps")
    min_steps: int = Field(
        default=0,
        ge=0,
        description="optimiser steps at least: epochs are raised to that, for small data need more passes",
    )
    batch_size: int = Field(default=128, ge=1, description="examples in a batch, over all devices")
    learning_rate: float = Field(default=1e-3, gt=0, description="peak step size, reached after the warm-up")
    weight_decay: float = Field(default=1e-2, ge=0, description="decay of weight matrices a step, times the step size")
    optimiser: Literal["adamw", "sgd"] = Field(default="adamw", description="adamw, or sgd with momentum")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="share of the last step that sgd keeps")
    betas: tuple[float, float] = Field(
        default=(0.9, 0.999), description="shares of the means of gradients and of their squares that adamw keeps"
    )
    epsilon: float = Field(default=1e-8, gt=0, description="added to the root of the mean square in adamw's step")
    schedule: Literal["constant", "cosine", "one-cycle"] = Field(
        default="cosine",
        description="after the warm-up: hold, fall to 0 as a cosine over all epochs, or rise for 30 % and fall",
    )
    warmup_steps: int = Field(
        default=0, ge=0, description="optimiser steps of linear rise from 0 to the peak step size"
    )
    patience: int = Field(default=5, ge=1, description="epochs without a lower validation loss before it stops")
    min_delta: float = Field(default=0.0, ge=0, description="fall of the validation loss that counts as lower")
    clip_norm: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0 never clips")
    clip_each: bool = Field(default=False, description="clip each weight's gradient by itself, not all together")
    accumulate: int = Field(default=1, ge=1, description="batches whose gradients are averaged into one step")
    precision: Literal["auto", "32", "bf16-mixed", "16-mixed"] = Field(
        default="auto", description="auto: bfloat16 mixed on a GPU that has it, else 32 bits"
    )
    devices: int = Field(default=1, ge=1, description="devices (or CPU processes) on each node; they share every batch")
    nodes: int = Field(
        default=1,
        ge=1,
        description="machines; above 1, start the command once on each, with an -o of its own, MASTER_ADDR, "
        "MASTER_PORT and NODE_RANK set; torchrun is refused, for chiasma starts its own processes",
    )
    time_limit_s: float | None = Field(
        default=None,
        gt=0,
        description="wall-clock seconds after which training ends with the epoch under way, and says so",
    )

    @model_validator(mode="after")
    def _betas(self) -> TrainingConfig:
        if not all(0 <= share < 1 for share in self.betas):
            raise ValueError("betas must lie from 0 to below 1")
        if self.clip_each and self.precision == "16-mixed":
            raise ValueError("clip_each cannot be had with precision 16-mixed, whose gradients are scaled")
        return self

    def most_epochs(self, batches: int) -> int:
        """Epochs at most where a pass has so many batches: `min_steps` may ask for more than `epochs`."""
        return max(self.epochs, math.ceil(self.min_steps / max(self.steps(batches), 1)))

    def steps(self, batches: int) -> int:
        """Optimiser steps in a pass of so many batches."""
        return math.ceil(batches / self.accumulate)


PLAIN = TrainingConfig(batch_size=32, weight_decay=0.0, schedule="constant", clip_norm=0.0)
"""Adam with one step size throughout, neither decay nor clipping: how published code of simulated examples trains."""
