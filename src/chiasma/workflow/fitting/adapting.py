"""Adaptation of a network to real windows: trained without and with it, and what it changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.files import read_json, write_json
from chiasma.core.rng import derive_seed
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Estimate
from chiasma.fit.checkpoint import load_arrays
from chiasma.metrics.score import SPOKEN
from chiasma.stats.compare import compare_all
from chiasma.stats.misspecification import UNIT
from chiasma.stats.telling_apart import Scale, blocks, tell_apart
from chiasma.workflow.fitted import Fitted, load_fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.adaptation import FEWEST_MEASURED
from chiasma.workflow.loading.prepare import Prepared
from chiasma.workflow.method import Method

WITHOUT, ADAPTED = "without", "adapted"
"""The network without adaptation, a folder of weights in the run folder; and the one of the run."""
MOST_SIMULATIONS = 1_000
NEUTRAL = "neutral"


def train_adapted(
    method: Method, config: Config, prepared: Prepared, options: FitOptions, *, task: Any, model: Any, folder: Path
) -> tuple[Any, Any]:
    """Train a network on simulations alone, then the same one anew with real windows beside them.

    Both keep their last epoch, so that they differ in adaptation and not in how long they learnt; the fit without
    `--adapt` keeps the epoch of the lowest validation loss, and may be another.

    Args:
        method, config, prepared, options: of the fit; `prepared.real` holds the windows.
        task: of the simulations.
        model: the network as it begins; it is left adapted.
        folder: gets the training with adaptation, and in `without` the one without.

    Returns:
        The network, and the history of its training with the time of both.
    """
    from chiasma.fit.adaptation import AdaptedTask
    from chiasma.fit.loop import build_seeded, train
    from chiasma.nn.gradient_reversal import DomainAdversarial

    settings: Any = config
    real, target = _require(prepared.real), prepared.dataset.target
    how: dict[str, Any] = {"seed": options.seed, "device": options.device, "keeps_last": True}
    plain = deepcopy(model)
    done = (folder / WITHOUT / "model.json").exists()
    _say("trained without adaptation before" if done else "training without adaptation first, to compare with")
    before = train(task, plain, settings.training, folder=folder / WITHOUT, **how)
    empty = Target(target.kind, np.zeros(0), target.names, target.unit)
    Fitted(method, config, empty, plain, {"task": task.meta(), "length": options.length}).save(folder / WITHOUT)
    windows = method.module("task").make_task(config, real.dataset, real.split, meta=task.meta())
    epochs = settings.training.most_epochs(task.n_batches("train"))
    neutral = target.names.index(NEUTRAL) if settings.adaptation.against == NEUTRAL else None
    adapted = AdaptedTask(task, windows, config=settings.adaptation, epochs=epochs, neutral=neutral)
    whole = build_seeded(
        lambda units, network: DomainAdversarial(network, units=units),
        settings.adaptation.units,
        model,
        seed=derive_seed(options.seed, "adaptation", "head"),
    )
    shown = ", which the head alone learns from (weight 0)" if settings.adaptation.weight == 0 else ""
    _say(f"training with {len(real.split.where('train')):,} real windows{shown}")
    after = train(adapted, whole, settings.training, folder=folder, **how)
    both = {name: getattr(before, name) + getattr(after, name) for name in ("seconds", "cpu_seconds")}
    return whole.network, replace(after, **both)


def adaptation_facts(real: Prepared) -> dict[str, Any]:
    """What a model keeps of the windows that it was adapted to."""
    proof = real.split.proof
    facts = {name: proof[name] for name in ("file", "adapted_to", "measured")}
    apart = {"apart": proof["apart"]["train"], "held_out_apart": proof["apart"]["test"]}
    return {**facts, "windows": proof["sizes"]["train"], **apart, "digest": proof["hashes"]["train"]}


def judge_adaptation(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> dict[str, Any]:
    """Add to metrics.json what adaptation did: to the area by which held-out windows are told, and to the test score.

    Args:
        fitted: the adapted model.
        prepared: data and split, and the real windows.
        options: seed, bootstrap draws.
        folder: the run folder, with `without` in it.

    Returns:
        The figures, as they stand in metrics.json under `adaptation`.
    """
    config: Any = fitted.config
    real = _require(prepared.real)
    networks = {WITHOUT: load_fitted(folder / WITHOUT), ADAPTED: fitted}
    test = prepared.dataset.take(prepared.split.where("test"))
    scores = {name: one.scores(test, device=options.device) for name, one in networks.items()}
    common: dict[str, Any] = {"unit_name": test.unit_name, "seed": options.seed, "draws": options.draws}
    (pair,) = compare_all(test.target, {name: scores[name] for name in (ADAPTED, WITHOUT)}, test.unit, **common)
    measured = real.dataset.take(real.split.where("test"))
    calls = [one.scores(measured, device=options.device).argmax(axis=1) for one in networks.values()]
    histories = {name: _history(where) for name, where in ((WITHOUT, folder / WITHOUT), (ADAPTED, folder))}
    found = {
        **adaptation_facts(real),
        "held_out": len(measured),
        **{name: getattr(config.adaptation, name) for name in ("weight", "schedule", "against")},
        "area": _areas(networks, test, measured, options, against=config.adaptation.against),
        "test": {"metric": pair.metric, ADAPTED: pair.value_a, WITHOUT: pair.value_b, **pair.difference.to_dict()},
        "calls_changed": float((calls[0] != calls[1]).mean()),
        "cpu_seconds": {name: float(one["cpu_seconds"]) for name, one in histories.items()},
        "epochs": {name: len(one["epochs"]) for name, one in histories.items()},
    }
    found["text"] = adaptation_text(found)
    write_json(folder / "metrics.json", {**read_json(folder / "metrics.json"), "adaptation": found})
    _say(found["text"])
    return found


def _areas(
    networks: Mapping[str, Fitted], test: Dataset, measured: Dataset, options: FitOptions, *, against: str
) -> dict[str, dict[str, Any]] | None:
    """How well held-out real windows are told from held-out simulations by the last hidden layer of each network."""
    if len(measured) < FEWEST_MEASURED:
        return None
    rows = np.arange(len(test))
    if against == NEUTRAL:
        rows = rows[test.target.values == test.target.names.index(NEUTRAL)]
    rows = rows[:MOST_SIMULATIONS]
    units = np.arange(len(rows)), blocks(len(measured))
    areas: dict[str, Estimate] = {}
    for name, one in networks.items():
        simulated, real = (_hidden(one, data, device=options.device) for data in (test.take(rows), measured))
        scale = Scale(simulated)
        seen = scale.features(simulated), scale.features(real)
        areas[name] = tell_apart(*seen, units=units, unit_name=UNIT, seed=options.seed).area
    return {name: area.to_dict() for name, area in areas.items()}


def _hidden(fitted: Fitted, data: Dataset, *, device: str) -> np.ndarray:
    """The last hidden layer (example, unit)."""
    from chiasma.fit.adaptation import hidden_layer

    task = fitted.method.module("task").make_task(fitted.config, data, None, meta=fitted.meta["task"])
    return hidden_layer(task, fitted.model, "all", device=device)


def adaptation_text(facts: Mapping[str, Any]) -> str:
    """What adaptation did, in sentences."""
    area, test, epochs = facts["area"], facts["test"], facts["epochs"]
    apart = _apart(facts["windows"], facts["apart"])
    windows = f"{facts['windows']:,} windows of {facts['file']} ({facts['adapted_to']}; {apart})"
    lines = [f"Adapted to {windows}, without labels."]
    if facts["weight"] == 0:
        lines = [f"Not adapted, for the weight is 0: a head learnt to tell {windows}, and the network not from it."]
    each = f"{epochs[ADAPTED]}" if epochs[ADAPTED] == epochs[WITHOUT] else f"{epochs[ADAPTED]} and {epochs[WITHOUT]}"
    lines.append(
        f"Beside it stands the same network trained without real windows; both keep their last epoch, of {each}, "
        "where a fit without --adapt keeps the one of the lowest loss on simulations."
    )
    if area is None:
        lines.append(f"{facts['held_out']} windows held out are too few to say how well it still tells them.")
    else:
        against = "neutral simulations" if facts["against"] == NEUTRAL else "simulations"
        apart = _apart(facts["held_out"], facts["held_out_apart"])
        lines.append(
            f"{facts['held_out']:,} real windows held out ({apart}) are told from {against} by the last hidden layer "
            f"with an area of {_interval(area[ADAPTED])}, without adaptation {_interval(area[WITHOUT])}; 0.5 is chance."
        )
    metric = SPOKEN.get(test["metric"], test["metric"])
    lines.append(
        f"On simulations the {metric} is {test[ADAPTED]:.3f}, without adaptation {test[WITHOUT]:.3f} "
        f"({test['value']:+.3f}, {test['low']:+.3f} to {test['high']:+.3f}); {facts['calls_changed']:.0%} of the calls "
        "of windows held out changed."
    )
    seen = "; what is said of the windows adapted to is transductive, for the network has seen them"
    right = "That real windows are told less well does not say that their calls are right"
    return " ".join([*lines, f"{right}{seen if facts['weight'] > 0 else ''}."])


def _apart(windows: int, apart: int) -> str:
    """Whether windows share bases, and how many of them would not."""
    return "none overlapping" if apart == windows else f"overlapping, at most {apart:,} side by side"


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _history(folder: Path) -> dict[str, Any]:
    """Of the training whose checkpoint stands there."""
    history: dict[str, Any] = load_arrays(folder / "checkpoint", "last")[1]["history"]
    return history


def _require(real: Prepared | None) -> Prepared:
    assert real is not None
    return real


def _say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)
