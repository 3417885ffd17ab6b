"""The step size as a pure function of the step, so that a resumed run needs no scheduler state."""

from __future__ import annotations

import math

from chiasma.fit.config import TrainingConfig

_ONE_CYCLE_RISE = 0.3
"""Share of steps that rise (Smith & Topin 2018; torch's OneCycleLR has the same default)."""
_ONE_CYCLE_START = 1 / 25
_ONE_CYCLE_END = 1e-4 / 25


def rate_factor(step: int, *, total: int, config: TrainingConfig) -> float:
    """Share of the peak step size at optimiser step `step` (0-based) of `total`."""
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    progress = min(1.0, (step - config.warmup_steps) / max(1, total - config.warmup_steps))
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "cosine":
        return _between(1.0, 0.0, progress)
    if progress < _ONE_CYCLE_RISE:
        return _between(_ONE_CYCLE_START, 1.0, progress / _ONE_CYCLE_RISE)
    return _between(1.0, _ONE_CYCLE_END, (progress - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE))


def _between(start: float, end: float, progress: float) -> float:
    """Along half a cosine from start to end."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
