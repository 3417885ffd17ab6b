"""pg-gan's discriminator beside dinf's (JAX, with batch normalisation), the same regions, in one run.

The two need not stand in one environment: what can be imported is measured, what cannot is skipped with the reason, and
`--also PYTHON` measures what another interpreter can import, on the same regions.

    python -m venv peer && peer/bin/pip install dinf pydantic
    OMP_NUM_THREADS=1 python benchmarks/pg_gan_dinf.py --also peer/bin/python [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.regions import stack
from chiasma.simulate.central_regions import decode_central

REGIONS, REPEATS = 50, 5
FEW, MANY = 2, 8
"""Minibatches of two calls: their difference is free of what a call costs whatever it trains."""


def cpu(work: Callable[[], Any], repeats: int = REPEATS) -> dict[str, float]:
    """Least and median CPU seconds of several calls after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return {"best": min(spent), "median": statistics.median(spent)}


def ours(config: Config, trees: list[Any]) -> dict[str, Any]:
    """chiasma: encoding, and with torch the discriminator."""
    found: dict[str, Any] = {"encode": cpu(lambda: stack([decode_central(ts, sites=36) for ts in trees]))}
    if find_spec("torch") is None:
        return {**found, "skipped": "the discriminator: torch is not importable here"}
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    from chiasma.nn.haplotype_discriminator import HaplotypeDiscriminator, logits

    torch.set_num_threads(1)
    torch.manual_seed(1)
    codes, distances = stack([decode_central(ts, sites=36) for ts in trees])
    model = HaplotypeDiscriminator(examples.sample_sizes(config))
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    y = (torch.arange(2 * REGIONS) < REGIONS).float()

    def step() -> None:
        model.train()
        optimiser.zero_grad()
        both = torch.cat([logits(model, codes, distances), logits(model, codes, distances)])
        binary_cross_entropy_with_logits(both, y).backward()
        optimiser.step()

    def judge() -> None:
        model.eval()
        with torch.no_grad():
            logits(model, codes, distances)

    parameters = sum(weights.numel() for weights in model.parameters())
    return {**found, "train": cpu(step), "judge": cpu(judge), "parameters": parameters}


def dinfs(config: Config, trees: list[Any]) -> dict[str, Any]:
    """dinf: encoding with all sites decoded, training and prediction of its translation of the network."""
    if find_spec("dinf") is None:
        return {"skipped": "dinf is not importable here (pip install dinf)"}
    import dinf
    import jax

    n = examples.sample_sizes(config)[0]
    reader = dinf.HaplotypeMatrix(num_individuals=n, num_loci=36, ploidy=1, phased=True)
    found: dict[str, Any] = {"encode": cpu(lambda: np.array([reader.from_ts(ts) for ts in trees]))}
    x = np.array([reader.from_ts(ts) for ts in trees])
    sites = stack([decode_central(ts, sites=36) for ts in trees])[0]
    counts = (x[..., 0].sum(axis=1), (sites == 1).sum(axis=1))
    assert (counts[0] == counts[1]).all(), "not the same sites and minor alleles: timings would mean nothing"
    many = np.concatenate([x, x] * MANY)
    y = np.arange(len(many)) % 2
    network = dinf.Discriminator(network=dinf.ExchangeablePGGAN())

    def train(batches: int) -> None:
        size = batches * 2 * REGIONS
        network.fit(
            train_x=many[:size],
            train_y=y[:size],
            batch_size=2 * REGIONS,
            ss=np.random.SeedSequence(1),
        )

    spent = [cpu(lambda batches=batches: train(batches), 3) for batches in (FEW, MANY)]  # type: ignore[misc]
    found["train"] = {key: (spent[1][key] - spent[0][key]) / (MANY - FEW) for key in spent[0]}
    found["judge"] = cpu(lambda: np.asarray(network.predict(x)))
    leaves = jax.tree_util.tree_leaves(network.state.params)  # type: ignore[union-attr]
    found["parameters"] = int(sum(leaf.size for leaf in leaves))
    return found


def measure() -> dict[str, Any]:
    """Both programs, as far as they can be imported here."""
    config = Config(model="exp")
    trees = list(examples.trees(config, examples.truth(config), number=REGIONS, seed=1))
    return {"load": os.getloadavg()[0], "chiasma": ours(config, trees), "dinf": dinfs(config, trees)}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--also", help="another interpreter, for the peer")
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    found = measure()
    if given.also:
        source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")
        environment = {**os.environ, "PYTHONPATH": source}
        said = subprocess.run(
            [given.also, __file__, "--json"], env=environment, capture_output=True, text=True, check=True
        )
        other = json.loads(said.stdout)
        found = {name: found[name] if "skipped" not in found[name] else other[name] for name in ("chiasma", "dinf")}
        found["load"] = os.getloadavg()[0]
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print(f"CPU seconds of one thread, best of {REPEATS}, load {found['load']:.1f}; history exp, 198 haplotypes")
    for name in ("chiasma", "dinf"):
        row = found[name]
        if "skipped" in row:
            print(f"{name:8s} skipped: {row['skipped']}")
        for what in ("encode", "train", "judge"):
            if what in row:
                print(f"{name:8s} {what:8s} {row[what]['best']:.4f} (median {row[what]['median']:.4f})")
    if all("train" in found[name] for name in ("chiasma", "dinf")):
        ratio = {
            what: found["dinf"][what]["best"] / found["chiasma"][what]["best"] for what in ("encode", "train", "judge")
        }
        print("dinf / chiasma: " + ", ".join(f"{what} {value:.1f}x" for what, value in ratio.items()))


if __name__ == "__main__":
    sys.exit(main())
