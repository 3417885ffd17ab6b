"""The tuning budget of a network: configurations tried, the best on the valid part kept."""

from __future__ import annotations

from typing import Any

from chiasma.core.config import Config
from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.workflow.method import Method


def candidates(method: Method, config: Config, *, tries: int, seed: int) -> list[Config]:
    """The configuration asked for, and `tries - 1` others drawn from the method's SEARCH, all different.

    Args:
        method: its config.py holds SEARCH: dotted field to the values worth trying.
        config: tried first.
        tries: configurations in all; fewer where SEARCH has no more.
        seed: of the draws; the first n of a larger budget are those of a smaller one.

    Raises:
        UsageError: more than one try is asked of a method that says nothing of what to try.
    """
    search: dict[str, tuple[Any, ...]] = getattr(method.module("config"), "SEARCH", {})
    if tries > 1 and not search:
        raise UsageError(
            f"{method.name} has no fields to tune", where="--tries", got=tries, expected="1", do="leave --tries out"
        )
    found, rng = [config], generator(seed, "tries", method.name)
    for _ in range(20 * tries):
        if len(found) == tries:
            break
        drawn = {name: values[rng.integers(len(values))] for name, values in search.items()}
        other = changed(config, drawn)
        if other not in found:
            found.append(other)
    return found


def changed(config: Config, fields: dict[str, Any]) -> Config:
    """A configuration with some dotted fields replaced."""
    values = config.model_dump()
    for name, value in fields.items():
        *path, last = name.split(".")
        target = values
        for part in path:
            target = target[part]
        target[last] = value
    return type(config).parse(values, source="tried configuration")


def best_valid_loss(history: Any) -> float:
    """The validation loss of the epoch that was kept; infinite without a valid part."""
    loss = history.epochs[history.best_epoch]["valid_loss"]
    return float("inf") if loss is None else float(loss)
