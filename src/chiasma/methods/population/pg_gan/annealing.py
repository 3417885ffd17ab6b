"""Simulated annealing of pg-gan (Wang et al. 2021): the generator is a vector of parameters without gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chiasma.simulate.demographies import Prior


@dataclass(frozen=True)
class Step:
    """One step of the annealing.

    Attributes:
        temperature: 1 at first, towards 0.
        proposed: the best of the step's proposals (parameter,).
        loss: of the generator with it, on one batch.
        accepted: whether it was taken; the discriminator was then trained.
        current: the vector after the step (parameter,).
    """

    temperature: float
    proposed: np.ndarray
    loss: float
    accepted: bool
    current: np.ndarray


def propose(value: float, parameter: Prior, deviation: float, rng: np.random.Generator) -> float:
    """A normal around the current value, drawn again until it lies within the range."""
    while True:
        drawn = float(rng.normal(value, deviation))
        if parameter.low < drawn < parameter.high:
            return drawn


def anneal(
    start: np.ndarray,
    parameters: tuple[Prior, ...],
    *,
    loss: Callable[[np.ndarray], float],
    train: Callable[[np.ndarray], None],
    iterations: int,
    proposals: int,
    spread: float,
    rng: np.random.Generator,
) -> list[Step]:
    """Play: propose along each parameter in turn, keep the best, accept by temperature, train when accepted.

    Proposals are centred on the current value (the original's code since 2023 centres them on the start).

    Args:
        start: vector (parameter,).
        parameters: their ranges.
        loss: of the generator at a vector: low where the discriminator takes its regions for real.
        train: trains the discriminator against the vector that was accepted.
        iterations: steps.
        proposals: for each parameter in a step.
        spread: deviation of a proposal is temperature * range / spread.
        rng: of proposals and acceptance.
    """
    current = np.array(start, np.float64)
    current_loss = loss(current)
    steps = []
    for iteration in range(iterations):
        temperature = 1 - iteration / iterations
        best, best_loss = current, np.inf
        for index, parameter in enumerate(parameters):
            deviation = temperature * (parameter.high - parameter.low) / spread
            for _ in range(proposals):
                vector = current.copy()
                vector[index] = propose(current[index], parameter, deviation, rng)
                if (found := loss(vector)) < best_loss:
                    best, best_loss = vector, found
        accepted = best_loss <= current_loss or rng.random() < current_loss / best_loss * temperature
        if accepted:
            current, current_loss = best, best_loss
            train(current)
        steps.append(Step(temperature, best, best_loss, bool(accepted), current))
    return steps
