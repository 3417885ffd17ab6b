"""The simple rivals, fitted on the same split; kept on disk so that several methods face the same ones."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import atomic_write, read_json, write_json
from chiasma.workflow.options import FitOptions
from chiasma.workflow.prepare import Prepared, training_part


@dataclass(frozen=True, eq=False)
class Opponents:
    """Test scores (example, output) and costs of each rival, by name."""

    scores: dict[str, np.ndarray]
    cost: dict[str, dict[str, Any]]


def face_rivals(prepared: Prepared, options: FitOptions, *, card_rival: str, folder: Path) -> Opponents:
    """Fit every rival that suits the data on train and valid, and score the test part; read from disk if there.

    A rival has no stopping rule, so it may learn from the valid part that a network spends on stopping.
    """
    if (folder / "rivals.json").exists():
        return load_opponents(folder)
    from chiasma.rivals.choose import rivals_for

    part = prepared.dataset.take(training_part(prepared))
    test = prepared.dataset.take(prepared.split.where("test"))
    scores, cost = {}, {}
    for rival in rivals_for(part, card_rival=card_rival, motifs=options.motifs):
        start, wall = time.process_time(), time.perf_counter()
        rival.fit(part, seed=options.seed)
        fitted = time.process_time() - start
        scores[rival.name] = np.asarray(rival.predict(test), dtype=np.float64)
        seconds = time.perf_counter() - wall
        cost[rival.name] = {"cpu_seconds": fitted, "seconds": seconds, "parameters": None}
        print(f"rival {rival.name}: {seconds:.1f} s", file=sys.stderr)
    _save(folder, Opponents(scores, cost))
    return Opponents(scores, cost)


def _save(folder: Path, opponents: Opponents) -> None:
    with atomic_write(folder / "rivals.npz", "wb") as handle:
        np.savez_compressed(handle, **opponents.scores)  # type: ignore[arg-type]
    write_json(folder / "rivals.json", {"names": list(opponents.scores), "cost": opponents.cost})


def load_opponents(folder: Path) -> Opponents:
    """Rival scores written by an earlier fit on the same split."""
    record = read_json(folder / "rivals.json")
    with np.load(folder / "rivals.npz", allow_pickle=False) as arrays:
        scores = {name: arrays[name] for name in record["names"]}
    return Opponents(scores, record["cost"])
