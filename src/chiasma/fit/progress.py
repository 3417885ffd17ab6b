"""Progress of training on stderr: a line that moves on a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """Anything that wants to hear of batches and epochs."""

    def batch(self, *, epoch: int, done: int, total: int, examples: int) -> None:
        """A training batch was finished; `done` of `total` in this epoch, with `examples` seen in it so far."""

    def epoch(self, row: Mapping[str, Any], *, best: bool, most: int) -> None:
        """An epoch was finished; `row` as in TrainingHistory.epochs, `most` epochs at the latest."""


class Silent:
    """Says nothing."""

    def batch(self, *, epoch: int, done: int, total: int, examples: int) -> None:
        """Ignore it."""

    def epoch(self, row: Mapping[str, Any], *, best: bool, most: int) -> None:
        """Ignore it."""


class Lines:
    """Writes to a text stream, with rate and time left in the epoch."""

    def __init__(self, stream: TextIO | None = None, *, every_s: float = 0.2) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._moving = self._stream.isatty()
        self._every = every_s
        self._began = self._shown = time.perf_counter()

    def batch(self, *, epoch: int, done: int, total: int, examples: int) -> None:
        """Move the line, at most every `every_s` seconds."""
        now = time.perf_counter()
        if done == 1:
            self._began = now
        if not self._moving or now - self._shown < self._every:
            return
        self._shown = now
        rate = (done - 1) / max(now - self._began, 1e-9)
        left = (total - done) / rate if rate else float("nan")
        pace = examples / max(now - self._began, 1e-9)
        self._stream.write(f"\repoch {epoch + 1}  {done}/{total}  {pace:,.0f} examples/s  {left:.0f} s left\x1b[K")
        self._stream.flush()

    def epoch(self, row: Mapping[str, Any], *, best: bool, most: int) -> None:
        """Write the epoch's line."""
        valid = "" if row["valid_loss"] is None else f"  valid {row['valid_loss']:.4f}"
        start = "\r\x1b[K" if self._moving else ""
        left = (most - row["epoch"] - 1) * row["seconds"]
        self._stream.write(
            f"{start}epoch {row['epoch'] + 1} of at most {most}  train {row['train_loss']:.4f}{valid}"
            f"  {row['examples_per_second']:,.0f} examples/s  {row['seconds']:.1f} s"
            f"  at most {left:.0f} s left{'  best' if best else ''}\n"
        )
        self._stream.flush()
