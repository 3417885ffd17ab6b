"""`--dry-run`: what a fit would cost, from its own data and a few steps of work."""

from __future__ import annotations

import time
from typing import Any

from chiasma.core.files import plain
from chiasma.workflow.fitting import Job
from chiasma.workflow.prepare import prepare


def estimate_cost(job: Job) -> dict[str, Any]:
    """Read the data, time a few training steps, and extrapolate; nothing is written.

    Returns:
        examples, split sizes, parameters, the longest time training may take in minutes, memory and disk expected.
    """
    start = time.perf_counter()
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    seconds = time.perf_counter() - start
    found: dict[str, Any] = {
        "method": job.method.name,
        "output": str(job.default_output()),
        "examples": len(prepared.dataset),
        "parts": ", ".join(f"{name} {count:,}" for name, count in prepared.split.sizes().items()),
        "skipped": "; ".join(str(skip) for skip in prepared.dataset.skips) or "nothing",
        "reading": f"{seconds:.1f} s",
        "downloads": "none",
    }
    if job.method.card.contract == "task":
        found |= _network_cost(job, prepared)
    return plain(found)


def _network_cost(job: Job, prepared: Any) -> dict[str, Any]:
    import torch

    config: Any = job.config
    make_task = job.method.module("task").make_task
    task = make_task(config, prepared.dataset, prepared.split, executor="serial", workers=1)
    model = job.method.module("model").build(config, prepared.dataset.target.n_outputs)
    optimiser = torch.optim.AdamW(model.parameters())
    timings, batches = [], iter(task.batches("train", job.options.seed, 0))
    for _ in range(4):
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            break
        optimiser.zero_grad()
        task.loss(model, batch).backward()
        optimiser.step()
        timings.append(time.perf_counter() - start)
    step = min(timings)
    minutes = step * task.n_batches("train") * config.training.epochs / 60
    parameters = sum(weights.numel() for weights in model.parameters())
    return {
        "parameters": f"{parameters:,}",
        "training": f"at most {minutes:.1f} min for {config.training.epochs} epochs on the CPU",
        "memory": f"about {(16 * parameters + 500_000_000) / 1e9:.1f} GB",
        "disk": f"about {(16 * parameters + 5_000_000) / 1e6:.0f} MB",
    }
