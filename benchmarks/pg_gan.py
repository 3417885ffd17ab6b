"""pg-gan's game at the published sizes: CPU seconds of simulation, encoding, discriminator, and an accepted step.

The published program needs TensorFlow and is not run here; its column holds CPU seconds recorded with its own encoder
and simulator (msprime 1.4.4) and a PyTorch port of its network, one thread, on another day and a busier machine, and
is marked so. `dense` is our network with every haplotype convolved, measured in this run: the like-for-like ratio.

    OMP_NUM_THREADS=1 python benchmarks/pg_gan.py [--json]
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chiasma.core.rng import derive_seed
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.regions import simulate_batch, stack
from chiasma.nn.haplotype_discriminator import HaplotypeDiscriminator, logits
from chiasma.nn.haplotype_patterns import find_patterns
from chiasma.simulate.central_regions import decode_central

RECORDED = {
    "encode 50 regions": 50 / 473,
    "simulate and encode 50 regions": 0.325,
    "discriminator, evaluation of 50": 0.140,
    "discriminator, training step on 50 + 50": 0.546,
    "accepted step: 50 proposals, 100 minibatches": 50 * (0.325 + 0.140) + 100 * (0.325 + 0.2 + 0.546),
}
"""CPU seconds, history exp, 198 haplotypes; the last is the sum of its parts, a real batch at 0.2."""


def best_cpu(work: Callable[[], Any], repeats: int = 7) -> tuple[float, float]:
    """Least and median CPU seconds of several calls after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent), statistics.median(spent)


def measure() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    config = Config(model="exp")
    values = examples.truth(config)
    codes, distances = simulate_batch(config, values, number=50, seed=1)
    trees = list(examples.trees(config, values, number=50, seed=1))
    torch.manual_seed(1)
    model = HaplotypeDiscriminator(examples.sample_sizes(config))
    as_torch = torch.from_numpy(codes).float(), torch.from_numpy(distances)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)

    def step(forward: Callable[[], torch.Tensor]) -> None:
        model.train()
        optimiser.zero_grad()
        found = torch.cat([forward(), forward()])
        binary_cross_entropy_with_logits(found, (torch.arange(100) < 50).float()).backward()
        optimiser.step()

    def evaluate(forward: Callable[[], torch.Tensor]) -> torch.Tensor:
        model.eval()
        with torch.no_grad():
            return forward()

    def fast() -> torch.Tensor:
        return logits(model, codes, distances)

    def dense() -> torch.Tensor:
        return model.dense(*as_torch)

    assert (evaluate(fast) - evaluate(dense)).abs().max() < 1e-4, "not the same answers: timings would mean nothing"
    seeds = iter(range(10_000))
    work: dict[str, Callable[[], Any]] = {
        "msprime alone, 50 regions": lambda: list(
            examples.trees(config, values, number=50, seed=derive_seed(1, next(seeds)))
        ),
        "encode 50 regions": lambda: stack([decode_central(ts, sites=36) for ts in trees]),
        "simulate and encode 50 regions": lambda: simulate_batch(
            config, values, number=50, seed=derive_seed(1, next(seeds))
        ),
        "find stretches of 50": lambda: find_patterns(codes, model.sizes),
        "discriminator, evaluation of 50": lambda: evaluate(fast),
        "dense, evaluation of 50": lambda: evaluate(dense),
        "discriminator, training step on 50 + 50": lambda: step(fast),
        "dense, training step on 50 + 50": lambda: step(dense),
    }
    rows: list[dict[str, Any]] = []
    for name, call in work.items():
        least, median = best_cpu(call)
        rows.append({"what": name, "best": least, "median": median, "recorded": RECORDED.get(name)})
    took = {str(row["what"]): float(row["median"]) for row in rows}
    made, floor = took["simulate and encode 50 regions"], took["msprime alone, 50 regions"]
    judged = took["discriminator, evaluation of 50"]
    learnt = took["discriminator, training step on 50 + 50"]
    name = "accepted step: 50 proposals, 100 minibatches"
    total = 50 * (made + judged) + 100 * (made + learnt)
    rows.append({"what": name, "best": None, "median": total, "recorded": RECORDED[name]})
    rows.append({"what": "of that, msprime alone", "best": None, "median": 150 * floor, "recorded": None})
    return rows


def main() -> None:
    rows = measure()
    load = os.getloadavg()[0]
    if "--json" in sys.argv:
        print(json.dumps({"load": load, "rows": rows}, indent=1))
        return
    print(f"CPU seconds of one thread, load {load:.1f}; the published program's are recorded, not of this run")
    for row in rows:
        best = "" if row["best"] is None else f"{row['best']:.4f}"
        recorded = "" if row["recorded"] is None else f"{row['recorded']:.3f} ({row['recorded'] / row['median']:.1f}x)"
        print(f"{row['what']:48s} {best:>8s} {row['median']:9.4f}  {recorded}")
    print(f"encoded a CPU second: {50 / np.median([r['median'] for r in rows if r['what'].startswith('encode')]):,.0f}")


if __name__ == "__main__":
    main()
