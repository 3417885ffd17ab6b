"""One optimisation step of each head of Basenji2 and Enformer at published size: CPU seconds and peak memory.

Trunk, heads, loss, clipping and optimiser are those of a fit; activations of each block are computed again on the way
back. The batch is one random window of the published length with random counts. Each network runs in a process of its
own; its peak of resident memory holds weights, gradients and the optimiser's moments too.

    OMP_NUM_THREADS=1 python benchmarks/track_training.py [--bf16] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch

from chiasma.fit.optimiser import clip_each, make_optimiser
from chiasma.nn.losses import poisson
from chiasma.nn.onehot import one_hot

SEED = 1
HEADS = {"human": 5313, "mouse": 1643}


def network(name: str, *, bf16: bool) -> Any:
    """The network at published size with both heads, its activations recomputed."""
    if name == "basenji2":
        from chiasma.methods.regulation.basenji.config import basenji2 as preset
        from chiasma.methods.regulation.basenji.model import build
    else:
        from chiasma.methods.regulation.enformer.config import default as preset  # type: ignore[assignment]
        from chiasma.methods.regulation.enformer.model import build  # type: ignore[assignment]
    config = preset().replace(tracks=HEADS, checkpointing=True, trunk_precision="bf16" if bf16 else "32")
    torch.manual_seed(SEED)
    return config, build(config).train()  # type: ignore[arg-type]


def worker(name: str, *, bf16: bool) -> dict[str, Any]:
    """A step of each head in this process."""
    config, model = network(name, bf16=bf16)
    optimiser = make_optimiser(model, config.training)
    draw = np.random.default_rng(SEED)
    codes = torch.from_numpy(draw.integers(0, 4, (1, config.length)).astype(np.uint8))
    bins = config.length // config.bin - 2 * config.crop
    steps = {}
    for head, tracks in HEADS.items():
        y = torch.from_numpy(draw.poisson(1.0, (1, bins, tracks)).astype(np.float16))
        cpu, wall = time.process_time(), time.perf_counter()
        loss = poisson(model(one_hot(codes), head), y)
        loss.backward()
        if config.training.clip_each:
            clip_each(model, config.training.clip_norm)
        else:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.training.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
        spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        steps[head] = {**spent, "loss": float(loss.detach())}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    parameters = sum(value.numel() for value in model.parameters())
    return {"network": name, "bf16": bf16, "parameters": parameters, "steps": steps, "peak_gib": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(arguments.worker, bf16=arguments.bf16)))
        return
    rows = []
    for name in ("basenji2", "enformer"):
        command = [sys.executable, __file__, "--worker", name, *(["--bf16"] if arguments.bf16 else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append({**json.loads(done.stdout.splitlines()[-1]), "load": os.getloadavg()[0]})
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        told = ", ".join(f"{head} {step['cpu_s']:.0f} CPU s" for head, step in row["steps"].items())
        print(f"{row['network']:10s} {row['parameters']:,} parameters: {told}; peak {row['peak_gib']:.1f} GiB", end="")
        print(f"; load {row['load']:.1f}")


if __name__ == "__main__":
    main()
