"""Can pg-gan's annealing see where it goes? What a step changes of the loss, beside the scatter of a minibatch.

A discriminator is trained against one vector, as before a step. Then the generator's loss is measured, over many
minibatches, there, at the truth, and with each parameter moved one deviation of a first proposal towards the truth.
Where the scatter of one minibatch is larger than these changes, the best of a step's proposals is the luckiest one.
What that does to the walk is then simulated with the annealing itself on a bowl of that depth and scatter: five
parameters, no discriminator, at several budgets.

    OMP_NUM_THREADS=1 python benchmarks/pg_gan_walk.py [--model im] [--haplotypes 10,10] [--at N1=27000,T_split=700]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import torch

from chiasma.core.rng import generator
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.annealing import Walk, anneal
from chiasma.methods.population.pg_gan.config import annealing
from chiasma.methods.population.pg_gan.model import Game
from chiasma.methods.population.pg_gan.regions import observed_in
from chiasma.simulate.demographies import Prior

OBSERVED = 2_000
TRAINED = 160
MEASURED = 40
"""Regions of the truth, minibatches that the discriminator is trained on, and those that a loss is the mean of."""
BUDGETS = ((80, 8, 1), (300, 10, 1), (300, 10, 4), (300, 10, 16))
"""Steps, proposals for each parameter, minibatches that each is scored on."""
WALKS = 20


def measure(model: str, haplotypes: tuple[int, ...], at: dict[str, float]) -> tuple[float, float]:
    """Print the table of one history; the depth of the truth below the vector, and the scatter of a minibatch."""
    config = annealing().replace(model=model, haplotypes=haplotypes)
    truth, priors = examples.truth(config), examples.inferred(config)
    data = examples.simulated_dataset(config, 1, np.arange(1, 2 * OBSERVED, 2))
    game = Game(config, observed_in(config, data, seed=1), seed=1)
    here = {prior.name: (prior.low + prior.high) / 2 for prior in priors} | at
    game.train(here, TRAINED)

    def losses(values: dict[str, float]) -> np.ndarray:
        return np.array([game.loss(values) for _ in range(MEASURED)])

    start, end = losses(here), losses(truth)
    scatter, depth = float(start.std(ddof=1)), float(start.mean() - end.mean())
    error = scatter * (2 / MEASURED) ** 0.5
    print(f"{model}, {haplotypes} haplotypes, after {TRAINED} minibatches: loss {start.mean():.3f}, a minibatch's")
    print(f"scatter {scatter:.3f}; at the truth lower by {depth:.3f}. Lower by (each to {error:.3f}) after one move of")
    for prior in priors:
        move = (prior.high - prior.low) / config.spread
        to = here[prior.name] + np.sign(truth[prior.name] - here[prior.name]) * move
        moved = losses({**here, prior.name: float(to)})
        print(f"  {prior.name:8s} {here[prior.name]:10.4g} to {to:10.4g}   {start.mean() - moved.mean():+.3f}")
    return depth, scatter


def walk(depth: float, scatter: float, *, steps: int, proposals: int, scored: int, seed: int) -> float:
    """Mean distance from the minimum, in ranges, at the end of one walk on a bowl."""
    axes = tuple(Prior(name, 0, 0, 1) for name in "abcde")
    rng = generator(seed, "bowl")
    low, start = rng.uniform(0.05, 0.95, (2, len(axes)))
    full = ((start - low) ** 2).sum()

    def loss(vector: np.ndarray) -> float:
        return 0.6 + depth * ((vector - low) ** 2).sum() / full + rng.normal(0, scatter / scored**0.5)

    stood = Walk(start, loss(start))
    for _ in anneal(
        stood,
        axes,
        loss=loss,
        train=lambda _: None,
        iterations=steps,
        proposals=proposals,
        spread=15,
        rng=rng,
    ):
        pass
    return float(np.abs(stood.current - low).mean())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="im")
    parser.add_argument("--haplotypes", default="10,10")
    parser.add_argument("--at", default="", help="NAME=VALUE,...; the others in the middle of their ranges")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.process_time()
    at = {name: float(value) for name, value in (one.split("=") for one in asked.at.split(",") if one)}
    depth, scatter = measure(asked.model, tuple(int(n) for n in asked.haplotypes.split(",")), at)
    print(f"{time.process_time() - begun:.0f} CPU seconds, load {os.getloadavg()[0]:.0f}")
    print("\nThe annealing on a bowl of this depth: mean distance from its minimum at the end, in ranges (start .3)")
    for steps, proposals, scored in BUDGETS:
        ends = [
            [walk(depth, noise, steps=steps, proposals=proposals, scored=scored, seed=seed) for seed in range(WALKS)]
            for noise in (0.0, scatter)
        ]
        still, noisy = (float(np.mean(one)) for one in ends)
        print(
            f"  {steps} steps of {proposals} x 5 proposals on {scored}: {still:.2f} without scatter, {noisy:.2f} with"
        )


if __name__ == "__main__":
    main()
