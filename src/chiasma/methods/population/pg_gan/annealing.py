"""Simulated annealing of pg-gan (Wang et al. 2021): the generator is a vector of parameters without gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

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


@dataclass
class Walk:
    """Where an annealing stands.

    Attributes:
        start: vector (parameter,).
        start_loss: of the generator with it, on one batch.
        steps: taken so far.
    """

    start: np.ndarray
    start_loss: float
    steps: list[Step] = field(default_factory=list)

    @property
    def current(self) -> np.ndarray:
        """The vector now (parameter,)."""
        return self.steps[-1].current if self.steps else self.start

    @property
    def loss(self) -> float:
        """That of the last vector which was accepted, when it was."""
        return next((step.loss for step in reversed(self.steps) if step.accepted), self.start_loss)


def propose(value: float, parameter: Prior, deviation: float, rng: np.random.Generator) -> float:
    """A normal around the current value, drawn again until it lies within the range; of logarithms where it is log."""
    centre = math.log(value) if parameter.log else value
    while True:
        drawn = float(rng.normal(centre, deviation))
        drawn = math.exp(drawn) if parameter.log else drawn
        if parameter.low < drawn < parameter.high:
            return drawn


def anneal(
    walk: Walk,
    parameters: tuple[Prior, ...],
    *,
    loss: Callable[[np.ndarray], float],
    train: Callable[[np.ndarray], None],
    iterations: int,
    proposals: int,
    spread: float,
    rng: np.random.Generator,
) -> Iterator[Step]:
    """Play: propose along each parameter in turn, keep the best, accept by temperature, train when accepted.

    Proposals are centred on the current value (the original's code since 2023 centres them on the start).

    Args:
        walk: where it stands; each step is added to it.
        parameters: their ranges.
        loss: of the generator at a vector: low where the discriminator takes its regions for real.
        train: trains the discriminator against the vector that was accepted.
        iterations: steps, those of the walk included.
        proposals: for each parameter in a step.
        spread: deviation of a proposal is temperature * range / spread; the range of logarithms where it is log.
        rng: of proposals and acceptance.

    Yields:
        Each step once it is taken, the training included.
    """
    for iteration in range(len(walk.steps), iterations):
        temperature = 1 - iteration / iterations
        current, current_loss = walk.current, walk.loss
        best, best_loss = current, np.inf
        for index, parameter in enumerate(parameters):
            deviation = temperature * parameter.width / spread
            for _ in range(proposals):
                vector = current.copy()
                vector[index] = propose(current[index], parameter, deviation, rng)
                if (found := loss(vector)) < best_loss:
                    best, best_loss = vector, found
        accepted = best_loss <= current_loss or rng.random() < current_loss / best_loss * temperature
        if accepted:
            current = best
            train(current)
        walk.steps.append(Step(temperature, best, best_loss, bool(accepted), current))
        yield walk.steps[-1]


def step_arrays(steps: list[Step]) -> dict[str, np.ndarray]:
    """Steps as arrays: current and proposed (step, parameter), steps (step, 3) of temperature, loss, accepted."""
    return {
        "current": np.array([step.current for step in steps]),
        "proposed": np.array([step.proposed for step in steps]),
        "steps": np.array([[step.temperature, step.loss, step.accepted] for step in steps]),
    }


def steps_of(arrays: Mapping[str, np.ndarray]) -> list[Step]:
    """The steps that `step_arrays` was given."""
    return [
        Step(float(row[0]), proposed, float(row[1]), bool(row[2]), current)
        for row, proposed, current in zip(arrays["steps"], arrays["proposed"], arrays["current"], strict=True)
    ]
