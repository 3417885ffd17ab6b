"""What a fit on simulations leaves in its run folder, so that real data can be compared with them when they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.fit.checkpoint import load_arrays, save_arrays
from chiasma.run.executor import stream
from chiasma.simulate.masked import MaskedSource
from chiasma.stats.misspecification import Simulations
from chiasma.stats.popgen.window_statistics import statistic_names, window_statistics
from chiasma.workflow.evaluating.evaluate import apply_calibration
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared

NAME = "simulations"
"""Stem of the two files in the run folder."""
MOST, MOST_RESIZED = 1_000, 200
FACTOR = 1.1
"""Populations of the simulations that are made again, over those of the first ones."""


def keep_simulations(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> None:
    """Write statistics, scores and targets of held-out simulations, and statistics of some with larger populations.

    The statistics are those of the method's examples.py (`statistics`), else `window_statistics`; all that was drawn
    comes from its `parameters`, larger populations from its `resized`: both are left out where it has none.
    """
    data = prepared.dataset
    rows = np.concatenate([prepared.split.where(part) for part in ("test", "calibration", "valid")])[:MOST]
    if not learns_beforehand(fitted) or not isinstance(data.x, Simulated) or not len(rows):
        return
    held = data.take(rows)
    names, values = statistics_of(fitted.config, held)
    if fitted.method.card.locates:
        from chiasma.workflow.evaluating.located import best_answers

        scores, truth = best_answers(fitted, held, device=options.device)
    else:
        scores, truth = apply_calibration(fitted, fitted.scores(held, device=options.device)), held.target.values
    arrays = {"values": values, "scores": scores, "truth": truth}
    examples: Any = _examples(fitted.config)
    if hasattr(examples, "parameters"):
        drawn = [examples.parameters(fitted.config, held.x.run_seed, int(index)) for index in held.x.index]  # type: ignore[union-attr]
        arrays["parameters"] = np.array(drawn, np.float64)
    resized = _resized(fitted.config, held.take(np.arange(min(MOST_RESIZED, len(held)))), options)
    if resized is not None:
        arrays["resized"] = resized
    save_arrays(folder, NAME, arrays, {"names": list(names), "factor": FACTOR, "ids": held.ids.tolist()})


def learns_beforehand(fitted: Fitted) -> bool:
    """Whether a model learnt from simulations drawn before it saw data, which it may then be compared with.

    A network does; a procedure is fitted to the data themselves, as pg-gan is, unless its examples.py says by which
    `statistics` real windows are compared, as that of S/HIC does.
    """
    return fitted.method.card.contract != "procedure" or hasattr(_examples(fitted.config), "statistics")


def kept_simulations(folder: Path) -> Simulations | None:
    """What `keep_simulations` wrote, or None where there is none."""
    if not (folder / f"{NAME}.safetensors").is_file():
        return None
    arrays, facts = load_arrays(folder, NAME)
    return Simulations(tuple(facts["names"]), **arrays, factor=facts["factor"])


def statistics_of(config: Config, data: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of a method's statistics, and their values for simulated or real windows (example, statistic)."""
    own = getattr(_examples(config), "statistics", None)
    if own is not None:
        names, values = own(config, data)
        return tuple(names), np.asarray(values, np.float64)
    return _table(data.x)  # type: ignore[arg-type]


def _table(found: Iterable[Mapping[str, np.ndarray]]) -> tuple[tuple[str, ...], np.ndarray]:
    rows, populations = [], 1
    for example in found:
        rows.append(window_statistics(example))
        populations = len(example.get("sizes", [0]))
    names = statistic_names(populations)
    return names, np.array(rows).reshape(-1, len(names))


def _resized(config: Config, data: Dataset, options: FitOptions) -> np.ndarray | None:
    examples = _examples(config)
    if not hasattr(examples, "resized"):
        return None
    x: Any = data.x
    simulate = partial(examples.resized, config, x.run_seed, factor=FACTOR)
    made = stream(simulate, x.index.tolist(), executor=options.executor, workers=options.workers or 1)
    if isinstance(x.config, MaskedSource):
        made = (x.config.hide(example, x.run_seed, int(address)) for example, address in zip(made, x.index))
    if not hasattr(examples, "statistics"):
        return _table(made)[1]
    return np.asarray(examples.statistics(config, _dataset(data, list(made)))[1], np.float64)


def _dataset(data: Dataset, made: list[dict[str, np.ndarray]]) -> Dataset:
    """The same examples with others in their place."""
    x: Any = data.x
    places = {int(address): place for place, address in enumerate(x.index)}
    return replace(data, x=Simulated(lambda config, seed, index: made[places[index]], None, x.run_seed, x.index))


def _examples(config: Config) -> Any:
    return import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
