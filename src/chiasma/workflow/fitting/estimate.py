"""`--dry-run`: what a fit would cost, from its own data and a few steps of work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import list_some
from chiasma.core.files import plain
from chiasma.data.matrix import Matrix, Views
from chiasma.workflow.fitting.fit import Job
from chiasma.workflow.fitting.training import worker_count
from chiasma.workflow.loading.genomes import outputs_of
from chiasma.workflow.loading.prepare import Prepared, prepare, training_part


def estimate_cost(job: Job, *, output: Path | None = None) -> dict[str, Any]:
    """Read the data, time a few training steps, and extrapolate; nothing is written.

    Args:
        job: what would be done.
        output: the run folder it would be done in; by default the job's own.

    Returns:
        examples, split sizes, parameters, the longest time training may take in minutes, memory and disk expected; of
        matrices the features with missing values and those that are constant, in the training part.
    """
    start = time.perf_counter()
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    seconds = time.perf_counter() - start
    found: dict[str, Any] = {
        "method": job.method.name,
        "output": str(output or job.default_output()),
        "examples": len(prepared.dataset),
        "parts": ", ".join(f"{name} {count:,}" for name, count in prepared.split.sizes().items()),
        "skipped": "; ".join(str(skip) for skip in prepared.dataset.skips) or "nothing",
        "reading": f"{seconds:.1f} s",
        "downloads": "none",
    }
    if job.method.card.contract == "task":
        found |= _network_cost(job, prepared)
    return plain(found | _weak_features(prepared))


def _weak_features(prepared: Prepared) -> dict[str, str]:
    """Features of matrices with missing values, and those with one value in the training part, counted and named."""
    train = prepared.dataset.take(training_part(prepared)).x
    if not isinstance(train, (Matrix, Views)):
        return {}
    missing, constant = [], []
    for view, block in (train.blocks if isinstance(train, Views) else {"": train}).items():
        names = np.array([f"{view}:{name}" if view else str(name) for name in block.features], dtype=object)
        known = ~np.isnan(block.values)
        measured = known.any(axis=1)  # a sample that lacks a view as a whole is no missing value of its features
        missing += names[~known[measured].all(axis=0)].tolist()
        low = np.where(known, block.values, np.inf).min(axis=0, initial=np.inf)
        high = np.where(known, block.values, -np.inf).max(axis=0, initial=-np.inf)
        constant += names[low >= high].tolist()
    counted = {"missing": missing, "constant": constant}
    return {key: f"{len(names):,} features: {list_some(names)}" if names else "none" for key, names in counted.items()}


def _network_cost(job: Job, prepared: Prepared) -> dict[str, Any]:
    from chiasma.fit.timing import time_steps

    config: Any = job.config
    make_task = job.method.module("task").make_task
    task = make_task(config, prepared.dataset, prepared.split, executor="serial", workers=1)
    model = job.method.module("model").build(config, outputs_of(prepared.dataset))
    found = time_steps(task, model, config.training, seed=job.options.seed)
    batches = task.n_batches("train")
    epochs = config.training.most_epochs(batches)
    simulated = job.method.card.data == "simulations"
    # Simulations are made once, by all workers; other batches anew in every epoch.
    making = found.batch_s * batches * (1 / worker_count(job.options) if simulated else epochs)
    # with real windows beside as many simulations a step costs twice, and the network is trained without them first
    passes = epochs if prepared.real is None else 3 * epochs
    minutes = (making + found.step_s * batches * passes) / 60
    limit = config.training.time_limit_s
    if limit is not None:
        minutes = min(minutes, limit / 60)
    held = None if found.peak_bytes is None else f"at least {found.peak_bytes / 1e9:.1f} GB, the peak of a few steps"
    return {
        "parameters": f"{found.parameters:,}",
        "training": f"at most {minutes:.1f} min for {epochs} epochs on the CPU",
        "memory": held or "not told by this system",
        "disk": f"about {(16 * found.parameters + 5_000_000) / 1e6:.0f} MB",
    }
