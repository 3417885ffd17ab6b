"""What happened in training; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class TrainingHistory:
    """The record of one training.

    Attributes:
        epochs: one dict an epoch: epoch (from 0), train_loss, valid_loss (None without a valid part), learning_rate,
            gradient_norm (mean before clipping), seconds, examples_per_second.
        best_epoch: the epoch whose weights were kept.
        stopped_because: a clause for people.
        seconds: wall clock, over all sessions if it was resumed.
        cpu_seconds: processor time of all processes, simulating ones included, over all sessions.
        examples_per_second: training examples over the time of the training passes.
        parameters: trainable parameters.
        device: where it ran, and in what precision.
    """

    epochs: tuple[dict[str, Any], ...]
    best_epoch: int
    stopped_because: str
    seconds: float
    cpu_seconds: float
    examples_per_second: float
    parameters: int = 0
    device: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave."""
        return cls(**{**fields, "epochs": tuple(fields["epochs"])})
