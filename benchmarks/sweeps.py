"""Sweeps: CPU seconds a replicate, beside discoal's recorded ones and msprime's where it has the model.

discoal cannot be installed from a package index; its column holds CPU seconds recorded with the same priors (n = 100,
55 kb, as for Anopheles) on another day and a busier machine, and is marked so. Ours include the tree sequence and its
mutations.

    OMP_NUM_THREADS=1 python benchmarks/sweeps.py [--json]
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import msprime
import numpy as np

from chiasma.core.rng import generator
from chiasma.simulate.admixture import Admixture, simulate_admixture
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep

RECORDED = {"hard, n 100, 55 kb": 1.06, "soft (f0), n 100, 55 kb": 1.75}
SIZE, LENGTH = 1e6, 55_000.0


def anopheles(index: int, *, soft: bool) -> None:
    """alpha U(100, 5000), tau U(0, .05) in 4N generations, f0 U(0, .1), theta U(77, 770), rho U(2100, 6300)."""
    rng = generator(1, "anopheles", index)
    alpha, tau, theta, rho = rng.uniform(100, 5000), rng.uniform(0, 0.05), rng.uniform(77, 770), rng.uniform(2100, 6300)
    sweep = Sweep(LENGTH / 2, alpha / SIZE, end=tau * 4 * SIZE, start_frequency=rng.uniform(0, 0.1) if soft else 0.0)
    scale = 4 * SIZE * LENGTH
    ts = simulate_sweep(
        sweep, SizeHistory.constant(SIZE), haplotypes=100, length=LENGTH, recombination=rho / scale, seed=index
    )
    msprime.sim_mutations(ts, rate=theta / scale, random_seed=index + 1)


def human(index: int) -> None:
    """s = .1, N = 10,000, 40 haplotypes, 20 kb, theta = rho = 40: little to simulate, so fixed costs show."""
    ts = simulate_sweep(
        Sweep(10_000, 0.1, end=200),
        SizeHistory.constant(1e4),
        haplotypes=40,
        length=2e4,
        recombination=5e-8,
        seed=index,
    )
    msprime.sim_mutations(ts, rate=5e-8, random_seed=index + 1)


def human_msprime(index: int) -> None:
    """The same by msprime."""
    bound = 1 / 2e4
    sweep = msprime.SweepGenicSelection(
        position=10_000, start_frequency=bound, end_frequency=1 - bound, s=0.1, dt=bound / 20
    )
    ts = msprime.sim_ancestry(
        20,
        population_size=1e4,
        sequence_length=2e4,
        recombination_rate=5e-8,
        model=[msprime.StandardCoalescent(duration=200), sweep, msprime.StandardCoalescent()],
        random_seed=index + 1,
    )
    msprime.sim_mutations(ts, rate=5e-8, random_seed=index + 1)


def painted(index: int) -> None:
    """A painted chromosome of Hamid et al. 2023: 50 Mb, 200 haplotypes, N = 10,000, 50 generations, s U(0, .5)."""
    s = float(generator(1, "painted", index).uniform(0, 0.5))
    simulate_admixture(
        Admixture(50, 0.5, 25e6, s=s),
        SizeHistory.constant(1e4),
        haplotypes=200,
        length=5e7,
        recombination=1.3e-8,
        seed=index,
    )


def cpu_each(work: Callable[[int], None], number: int, repeats: int) -> float:
    """Fewest CPU seconds a replicate over several runs of the same replicates, after one that compiles."""
    work(0)
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        for index in range(number):
            work(index)
        spent.append((time.process_time() - start) / number)
    return min(spent)


def measure() -> list[dict[str, Any]]:
    rows = [
        ("hard, n 100, 55 kb", lambda i: anopheles(i, soft=False), None, 12),
        ("soft (f0), n 100, 55 kb", lambda i: anopheles(i, soft=True), None, 12),
        ("hard, n 40, 20 kb, rho 40", human, human_msprime, 100),
        ("painted, n 200, 50 Mb", painted, None, 20),
    ]
    return [
        {
            "what": what,
            "chiasma": cpu_each(ours, number, 3),
            "msprime": cpu_each(theirs, number, 3) if theirs else None,
            "discoal": RECORDED.get(what),
        }
        for what, ours, theirs, number in rows
    ]


def main() -> None:
    rows = measure()
    load = os.getloadavg()[0]
    if "--json" in sys.argv:
        print(json.dumps({"load": load, "cpu_seconds_each": rows}))
        return
    print(f"CPU seconds a replicate, one thread, best of 3; load {load:.1f}, numpy {np.__version__}")
    print(f"{'':28}{'chiasma':>10}{'msprime':>10}{'discoal*':>10}   * recorded, other day, busier machine")
    for row in rows:
        cells = [row["chiasma"], row["msprime"], row["discoal"]]
        print(f"{row['what']:28}" + "".join(f"{'-' if cell is None else f'{cell:.4f}':>10}" for cell in cells))


if __name__ == "__main__":
    main()
