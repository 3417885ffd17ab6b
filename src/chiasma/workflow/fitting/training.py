"""Fit any method by its contract: a Task through the loop, an Estimator or a Procedure by its own fit."""

from __future__ import annotations

import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import FitWarning, list_some
from chiasma.data.dataset import Target
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences
from chiasma.data.simulated import Simulated
from chiasma.fit.clock import cpu_time, usable_cores
from chiasma.fit.contracts import STUDY, Procedure, fit_estimator, fit_procedure, fit_representation, refusals
from chiasma.workflow.fitted import Fitted, as_frames
from chiasma.workflow.fitting.component_count import component_facts, component_remarks
from chiasma.workflow.fitting.head import build_model, factor_names, representation_of
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.fitting.starting import begin_with
from chiasma.workflow.fitting.tuning import best_valid_loss, candidates
from chiasma.workflow.loading.genomes import outputs_of
from chiasma.workflow.loading.prepare import Prepared, training_part
from chiasma.workflow.method import Method


def train_method(
    method: Method, config: Config, prepared: Prepared, options: FitOptions, *, folder: Path, start: Path | None = None
) -> tuple[Fitted, dict[str, Any]]:
    """Fit on the train part, stopping on the valid part.

    Args:
        method: which method.
        config: its configuration.
        prepared: data and split.
        options: seed, device, executor.
        folder: where checkpoints and log.jsonl go; a fit that was killed there resumes.
        start: a run or folder of weights to fine-tune from.

    Returns:
        The fitted model, and its cost: CPU and wall seconds, parameters, examples a second.
    """
    empty = Target(
        prepared.dataset.target.kind, np.zeros(0), prepared.dataset.target.names, prepared.dataset.target.unit
    )
    cpu, wall = cpu_time(), time.perf_counter()
    if method.card.contract == "task":
        config, model, meta, cost = _train_network(method, config, prepared, options, folder, start)
    elif method.card.contract == "procedure" and not method.card.represents:
        model, meta, cost = _train_procedure(method, config, prepared, options, folder)
    else:
        config = _seeded(config, options)
        model, meta, cost = _train_estimator(method, config, prepared, options)
    cost = {"cpu_seconds": cpu_time() - cpu, "seconds": time.perf_counter() - wall, **cost}
    return Fitted(method, config, empty, model, {**meta, "length": options.length}), cost


def worker_count(options: FitOptions) -> int:
    """Processes for simulations."""
    return options.workers or usable_cores()


def _train_network(
    method: Method, config: Any, prepared: Prepared, options: FitOptions, folder: Path, start: Path | None
) -> tuple[Config, Any, dict[str, Any], dict[str, Any]]:
    """Train each configuration that is tried; the one of the lowest validation loss is kept."""
    tried = candidates(method, config, tries=options.tries, seed=options.seed)
    trained = []
    for number, candidate in enumerate(tried):
        where = folder if len(tried) == 1 else folder / "tries" / str(number)
        if len(tried) > 1:
            print(f"configuration {number + 1} of {len(tried)}", file=sys.stderr, flush=True)
        trained.append(_train_once(method, candidate, prepared, options, where, start))
    losses = [best_valid_loss(history) for _, _, history in trained]
    best = losses.index(min(losses))
    task, model, history = trained[best]
    remarks = _remarks(task, prepared)
    if len(tried) > 1:
        shutil.copyfile(folder / "tries" / str(best) / "log.jsonl", folder / "log.jsonl")
    cost = {
        "cpu_seconds": sum(one.cpu_seconds for _, _, one in trained),
        "seconds": sum(one.seconds for _, _, one in trained),
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "examples_per_second": history.examples_per_second,
        "best_epoch": history.best_epoch,
        "stopped_because": history.stopped_because,
        "tries": losses,
    }
    x = prepared.dataset.x
    if isinstance(x, Simulated) and x.keeper is not None:
        cost["simulations"] = getattr(x.keeper, "runs", 0)  # their time is in here; the rivals reuse them
    return tried[best], model, {"task": task.meta()}, {**cost, **({"remarks": remarks} if remarks else {})}


def _train_once(
    method: Method, config: Any, prepared: Prepared, options: FitOptions, folder: Path, start: Path | None
) -> tuple[Any, Any, Any]:
    """One configuration through the loop: task, model, history."""
    from chiasma.fit.loop import build_seeded, train

    task = method.module("task").make_task(
        config, prepared.dataset, prepared.split, executor=options.executor, workers=worker_count(options)
    )
    for remark in _remarks(task, prepared):
        print(remark, file=sys.stderr, flush=True)
    build = method.module("model").build
    model = build_seeded(build, config, outputs_of(prepared.dataset), seed=options.seed)
    if start is not None:
        begin_with(model, start)
    if prepared.real is not None:
        from chiasma.workflow.fitting.adapting import train_adapted

        return task, *train_adapted(method, config, prepared, options, task=task, model=model, folder=folder)
    return task, model, train(task, model, config.training, seed=options.seed, folder=folder, device=options.device)


def _remarks(task: Any, prepared: Prepared) -> list[str]:
    """What the network does not see of the data, or sees besides them, counted."""
    found = [str(skip) for skip in getattr(task, "skips", ())]
    x, length = prepared.dataset.x, task.meta().get("length", 0)
    found += too_short(x, task.meta())
    if isinstance(x, Sequences) and length > x.lengths.max():
        found.append(f"all {len(x):,} sequences are shorter than the {length} bases the network reads: padded with N")
    return found


def too_short(x: Any, meta: dict[str, Any]) -> list[str]:
    """A line that counts and names sequences with fewer bases than the network needs to see one pattern."""
    if not isinstance(x, Sequences):
        return []
    short = x.ids[x.lengths < meta.get("shortest", 0)]
    if not len(short):
        return []
    least, named = meta["shortest"], list_some(short, most=3)
    return [f"{len(short):,} sequences have fewer than the {least} bases a filter needs: padded with N ({named})"]


def _seeded(config: Config, options: FitOptions) -> Config:
    """The configuration with the run's seed as its random_state, where it has one that was left at its default."""
    field = type(config).model_fields.get("random_state")
    if field is None or getattr(config, "random_state") != field.default:  # noqa: B009 - not every method has it
        return config
    return config.replace(random_state=options.seed)


def _train_estimator(
    method: Method, config: Config, prepared: Prepared, options: FitOptions
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    part = prepared.dataset.take(training_part(prepared))
    classes = part.target.kind in ("binary", "multiclass")
    seed, device = options.seed, options.device
    model = build_model(method, config, classes=classes, seed=seed, device=device)
    meta: dict[str, Any] = {"features": _feature_names(part.x)}
    with refusals(method.name), warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # its words are among the remarks
        if part.target.kind == "none":
            procedure = method.card.contract == "procedure"
            fit_representation(model, part, as_frames(part.x), procedure=procedure, seed=seed, device=device)
        else:
            names = np.asarray(part.target.names, dtype=object)
            y = names[part.target.values] if classes else part.target.values
            fit_estimator(model, as_frames(part.x), y, unit=part.unit, study=part.columns.get(STUDY))
    if method.card.represents:
        meta["factors"] = factor_names(representation_of(model))
    counted = component_facts(config, model)
    remarks = component_remarks(counted) + list(getattr(representation_of(model), "remarks_", []))
    for remark in remarks:
        print(remark, file=sys.stderr, flush=True)
    told = {"remarks": remarks} if remarks else {}
    cost: dict[str, Any] = {"parameters": None, **({"components": counted} if counted else {}), **told}
    return model, meta | told, cost


def _train_procedure(
    method: Method, config: Config, prepared: Prepared, options: FitOptions, folder: Path
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    procedure: Procedure = method.module("model").build(config)
    fit_procedure(procedure, prepared.dataset.take(training_part(prepared)), seed=options.seed, folder=folder)
    return procedure, {}, {"parameters": None}


def _feature_names(x: Any) -> dict[str, list[str]]:
    blocks = x.blocks if isinstance(x, Views) else {"matrix": x} if isinstance(x, Matrix) else {}
    return {name: [str(feature) for feature in block.features] for name, block in blocks.items()}
