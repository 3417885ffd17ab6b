"""The simple rivals, fitted on the same split; kept on disk so that several methods face the same ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import atomic_write, read_json, write_json
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.rivals.base import Rival
from chiasma.stats.folds import stratified_folds
from chiasma.workflow.fitting.calibrating import CLASSES, FEWEST
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part

_FOLDS = 5
"""Folds of the rivals' out-of-fold probabilities."""


@dataclass(frozen=True, eq=False)
class Opponents:
    """What the rivals said.

    Attributes:
        scores: calibrated scores on the test part (example, output), by name.
        cost: of each, by name.
    """

    scores: dict[str, np.ndarray]
    cost: dict[str, dict[str, Any]]


def face_rivals(
    prepared: Prepared,
    options: FitOptions,
    *,
    card_rival: str,
    folder: Path,
    named: Sequence[str] = (),
    out_of_fold: bool = True,
) -> Opponents:
    """Fit every rival that suits the data on train and valid, and score the test part; read from disk if there.

    A rival has no stopping rule, so it may learn from the valid part that a network spends on stopping. Its
    probabilities get a temperature as the method's do, from the same calibration part; where that is too small, on
    matrices, from its own out-of-fold probabilities, unless `out_of_fold` is false: the method has none either.
    `named` are the rivals of other methods that it is compared with.
    """
    if (folder / "rivals.json").exists():
        return load_opponents(folder)
    from chiasma.rivals.choose import rivals_for

    part = prepared.dataset.take(training_part(prepared))
    make = partial(rivals_for, part, card_rival=card_rival, named=named, motifs=options.motifs)
    test, held = (prepared.dataset.take(prepared.split.where(name)) for name in ("test", "calibration"))
    arrays: dict[str, np.ndarray] = {}
    cost: dict[str, dict[str, Any]] = {}
    for place, rival in enumerate(make()):
        start, wall = time.process_time(), time.perf_counter()
        rival.fit(part, seed=options.seed)
        fitted = time.process_time() - start
        arrays[f"{rival.name}|test"] = np.asarray(rival.predict(test), dtype=np.float64)
        seconds = time.perf_counter() - wall
        if part.target.kind in CLASSES:
            again = make if out_of_fold else None
            scores, codes = _to_calibrate_on(again, place, part, held, rival, options)
            arrays |= {f"{rival.name}|calibration": scores, f"{rival.name}|codes": codes}
        cost[rival.name] = {"cpu_seconds": fitted, "seconds": seconds, "parameters": None}
        print(f"rival {rival.name}: {seconds:.1f} s", file=sys.stderr)
    with atomic_write(folder / "rivals.npz", "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
    write_json(folder / "rivals.json", {"names": list(cost), "cost": cost})
    return load_opponents(folder)


def _to_calibrate_on(
    make: Callable[[], list[Rival]] | None, place: int, part: Dataset, held: Dataset, rival: Rival, options: FitOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (example, class) and classes (example,) of examples the rival did not learn from; perhaps none.

    `make` gives the rivals anew, to be fitted to folds; None asks for none.
    """
    if len(held) >= FEWEST:
        return np.asarray(rival.predict(held), dtype=np.float64), held.target.values
    codes = part.target.values
    if make is None or not isinstance(part.x, Matrix | Views) or len(part) < FEWEST:
        return np.zeros((0, part.target.n_outputs)), np.zeros(0, np.int64)
    fold = stratified_folds(codes, _FOLDS, random=generator(options.seed, "rivals"), unit=part.unit)
    scores = np.zeros((len(part), part.target.n_outputs))
    for number in range(_FOLDS):
        away = fold == number
        if not away.any() or len(np.unique(codes[~away])) < part.target.n_outputs:
            return np.zeros((0, part.target.n_outputs)), np.zeros(0, np.int64)
        again = make()[place].fit(part.take(np.flatnonzero(~away)), seed=options.seed)
        scores[away] = again.predict(part.take(np.flatnonzero(away)))
    return scores, codes


def load_opponents(folder: Path) -> Opponents:
    """Rival scores written by an earlier fit on the same split, with their temperatures applied."""
    from chiasma.uncertainty.calibration import apply_temperature, fit_temperature

    record = read_json(folder / "rivals.json")
    scores: dict[str, np.ndarray] = {}
    with np.load(folder / "rivals.npz", allow_pickle=False) as arrays:
        for name in record["names"]:
            scores[name] = arrays[f"{name}|test"]
            codes = arrays.get(f"{name}|codes", ())
            if len(codes) >= FEWEST:
                scores[name] = apply_temperature(
                    scores[name], fit_temperature(arrays[f"{name}|calibration"], np.asarray(codes))
                )
    return Opponents(scores, record["cost"])
