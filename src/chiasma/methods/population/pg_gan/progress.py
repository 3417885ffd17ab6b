"""How far a game has come, kept after each start and each step, so that one that was killed goes on from there."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import plain
from chiasma.fit.checkpoint import load_arrays, save_arrays
from chiasma.methods.population.pg_gan.annealing import Walk, step_arrays, steps_of

if TYPE_CHECKING:
    from chiasma.methods.population.pg_gan.model import Game


def keep(
    folder: Path, name: str, arrays: dict[str, np.ndarray], facts: dict[str, Any], *, identity: dict[str, Any]
) -> None:
    """Write checkpoint/NAME of a folder."""
    save_arrays(folder / "checkpoint", name, arrays, {**facts, "identity": identity})


def take_up(
    folder: Path, name: str, *, identity: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What `keep` wrote, or None where there is nothing.

    Raises:
        UsageError: it was kept under another identity.
        InputError: it is damaged.
    """
    where = folder / "checkpoint"
    if not (where / f"{name}.safetensors").exists():
        return None
    arrays, facts = load_arrays(where, name)
    if facts["identity"] != plain(identity):
        raise UsageError(
            "holds a game with other settings, data or seed",
            where=where,
            do="give the settings that it began with, or remove the folder",
        )
    return arrays, facts


@dataclass
class Progress:
    """What a game knows besides its discriminator.

    Attributes:
        rng: of starts, proposals and acceptance.
        starts: vectors that pre-training tried, each with the accuracy on it at its end.
        accuracy: shares right of observed and of simulated regions, in the last minibatch.
        walk: the annealing, once the first loss of it is known.
    """

    rng: np.random.Generator
    starts: list[list[float]] = field(default_factory=list)
    accuracy: tuple[float, float] = (0.0, 0.0)
    walk: Walk | None = None


@dataclass(frozen=True)
class Diary:
    """Where progress is kept.

    Attributes:
        folder: gets checkpoint/game; None: nothing is kept and nothing said.
        identity: JSON-ready, what makes this game this game.
    """

    folder: Path | None
    identity: dict[str, Any]

    def write(self, game: Game, progress: Progress, said: str) -> None:
        """Keep all that the rest of the game follows from, and say a line on stderr."""
        if self.folder is None:
            return
        arrays, facts = game.state()
        arrays["starts"] = np.array(progress.starts)
        facts |= {"rng": progress.rng.bit_generator.state, "accuracy": progress.accuracy}
        if progress.walk is not None:
            arrays |= {"start": progress.walk.start, "start_loss": np.array(progress.walk.start_loss)}
            arrays |= step_arrays(progress.walk.steps)
        keep(self.folder, "game", arrays, facts, identity=self.identity)
        print(said, file=sys.stderr, flush=True)

    def read(self, game: Game, progress: Progress) -> None:
        """Take up what was kept, if anything was.

        Raises:
            UsageError, InputError: as `take_up`.
        """
        kept = None if self.folder is None else take_up(self.folder, "game", identity=self.identity)
        if kept is None:
            return
        arrays, facts = kept
        game.load(arrays, facts)
        progress.rng.bit_generator.state = facts["rng"]
        progress.starts, progress.accuracy = arrays["starts"].tolist(), tuple(facts["accuracy"])
        if "start" in arrays:
            progress.walk = Walk(arrays["start"], float(arrays["start_loss"]), steps_of(arrays))
