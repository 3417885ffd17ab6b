"""What more examples would bring: a cheap model at growing numbers of training units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.results import Estimate
from chiasma.metrics.score import PRIMARY, evaluators
from chiasma.stats.bootstrap import draw_metrics, interval

FitPredict = Callable[[Dataset, Dataset, int], np.ndarray]
"""`fit_predict(train, test, seed)`: scores (example, output) of `test` from a model fitted to `train`."""


@dataclass(frozen=True)
class Point:
    """The score reached with so many training examples.

    Attributes:
        n: mean training examples.
        units: training units drawn.
        estimate: metric on the evaluation part; the interval covers the choice of both parts.
        repeats: value of each repeat.
    """

    n: float
    units: int
    estimate: Estimate
    repeats: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"n": self.n, "units": self.units, "estimate": self.estimate.to_dict(), "repeats": list(self.repeats)}


def default_sizes(n_units: int, *, points: int = 5, smallest: int = 20) -> tuple[int, ...]:
    """Up to `points` numbers of units, evenly spaced in the logarithm, ending with all."""
    if n_units <= smallest:
        return (n_units,)
    return tuple(np.unique(np.geomspace(smallest, n_units, points).round().astype(int)).tolist())


def learning_curve(
    fit_predict: FitPredict,
    train: Dataset,
    test: Dataset,
    *,
    seed: int,
    sizes: Sequence[int] | None = None,
    repeats: int = 3,
    draws: int = 200,
) -> list[Point]:
    """Fit at growing numbers of training units and score on a fixed test part by the target's primary metric.

    Each repeat draws its units afresh, without replacement; smaller draws lie within larger ones. The interval pools
    the bootstrap draws of all repeats, so it holds the uncertainty of the training sample and of the test sample.

    Args:
        fit_predict: the cheap model.
        train: examples to draw from.
        test: examples to score on; its units bear the intervals.
        seed: root of all draws.
        sizes: numbers of units; by default `default_sizes`.
        repeats: draws of training units at each size (one where all units are taken).
        draws: bootstrap draws a repeat.

    Raises:
        InsufficientDataError: the training part has fewer than two units.
    """
    names, member = np.unique(train.unit, return_inverse=True)
    if len(names) < 2:
        raise InsufficientDataError("a learning curve needs two training units or more", got=len(names))
    metric = PRIMARY[train.target.kind]
    points = []
    for size in default_sizes(len(names)) if sizes is None else sizes:
        taken = min(int(size), len(names))
        values, pooled, counts = [], [], []
        for repeat in range(1 if taken == len(names) else repeats):
            order = generator(seed, "learning-curve", repeat).permutation(len(names))
            subset = train.take(np.flatnonzero(np.isin(member, order[:taken])))
            if subset.problems():
                continue
            scores = fit_predict(subset, test, seed)
            function = evaluators(test.target, scores, metrics=[metric])
            values.append(function[metric](None))
            pooled.append(draw_metrics(function, test.unit, seed=seed, draws=draws)[0])
            counts.append(len(subset))
        if values:
            estimate = Estimate(float(np.mean(values)), *interval(np.concatenate(pooled)), test.unit_name)
            points.append(Point(float(np.mean(counts)), taken, estimate, tuple(values)))
    return points
