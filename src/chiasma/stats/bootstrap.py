"""Intervals by resampling units: a peak and its twin, a patient's samples, are drawn together or not at all.

A draw of units with replacement is the same as weighting every example by how often its unit was drawn. All metrics
take such weights, so a model's scores are sorted once and each of the thousand draws costs one pass over them.
Intervals are percentile intervals (2.5 % to 97.5 %). The expected calibration error, which noise can only enlarge, is
moved back by the draws' mean excess before its percentiles are taken, and cut at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.core.rng import generator
from chiasma.data.dataset import Target
from chiasma.data.results import Estimate
from chiasma.metrics.ranking import Ranking
from chiasma.metrics.score import Evaluator, evaluators

COVERAGE = 0.95
"""Nominal coverage of every interval."""
LEAST_DEFINED = 0.9
"""Share of draws in which a metric must be defined for an interval to be given."""
RATIOS = (1, 10, 100)
"""Negatives for one positive at which areas are reported."""


def draw_weights(unit: np.ndarray, *, seed: int, draws: int) -> Iterator[np.ndarray]:
    """How often each example (example,) counts in each bootstrap draw of units; the same for the same seed."""
    _, member = np.unique(unit, return_inverse=True)
    count = int(member.max()) + 1 if len(member) else 0
    rng = generator(seed, "bootstrap", draws)
    for _ in range(draws if count else 0):
        yield np.bincount(rng.integers(0, count, count), minlength=count).astype(float)[member]


def draw_metrics(functions: Mapping[str, Evaluator], unit: np.ndarray, *, seed: int, draws: int) -> np.ndarray:
    """Value of each function in each draw, (function, draw)."""
    weights = draw_weights(unit, seed=seed, draws=draws)
    table = [[function(weight) for function in functions.values()] for weight in weights]
    return np.array(table, float).reshape(len(table), len(functions)).T


def interval(values: np.ndarray) -> tuple[float, float]:
    """Percentile interval of draws (draw,); NaN where the figure was undefined in more than one draw of ten."""
    known = values[~np.isnan(values)]
    if not len(known) or len(known) < LEAST_DEFINED * len(values):
        return float("nan"), float("nan")
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def bootstrap(
    target: Target,
    scores: np.ndarray,
    unit: np.ndarray,
    *,
    unit_name: str,
    seed: int,
    draws: int = 1000,
    metrics: Sequence[str] | None = None,
) -> dict[str, Estimate]:
    """Every metric of a prediction with its 95 % interval.

    Args:
        target: the truth.
        scores: (example, output), as in `chiasma.metrics.score.score`.
        unit: resampling unit of each example (example,).
        unit_name: what a unit is, for the reader.
        seed: root of the draws; equal seeds draw equal units, whatever the model.
        draws: bootstrap draws.
        metrics: names; by default all that the target allows.

    Returns:
        Metric to Estimate. The interval is NaN where there is one unit only, or the metric is undefined in many draws.
    """
    _check(target, unit)
    return _estimates(evaluators(target, scores, metrics=metrics), unit, unit_name=unit_name, seed=seed, draws=draws)


def bootstrap_ratios(
    target: Target, scores: np.ndarray, unit: np.ndarray, *, unit_name: str, seed: int, draws: int = 1000
) -> dict[str, dict[str, Estimate]]:
    """AUROC and AUPRC of a binary prediction at 1:1, 1:10 and 1:100 positives to negatives, by re-weighting negatives.

    AUROC does not depend on the ratio and stands in each row so that the table says so. Empty for other targets.
    """
    if target.kind != "binary":
        return {}
    _check(target, unit)
    ranking = Ranking.of(target.values, np.asarray(scores)[:, 1])

    def at(ratio: int) -> Evaluator:
        return lambda weight: ranking.auprc(weight, negatives_per_positive=ratio)

    functions: dict[str, Evaluator] = {"auroc": ranking.auroc, **{f"1:{ratio}": at(ratio) for ratio in RATIOS}}
    made = _estimates(functions, unit, unit_name=unit_name, seed=seed, draws=draws)
    return {f"1:{ratio}": {"auroc": made["auroc"], "auprc": made[f"1:{ratio}"]} for ratio in RATIOS}


def paired_draws(
    target: Target, models: Mapping[str, np.ndarray], unit: np.ndarray, *, metric: str, seed: int, draws: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """One metric of several models: on all examples (model,), and on the same draws (model, draw)."""
    _check(target, unit)
    functions = {name: evaluators(target, scores, metrics=[metric])[metric] for name, scores in models.items()}
    whole = np.array([function(None) for function in functions.values()])
    return whole, draw_metrics(functions, unit, seed=seed, draws=draws)


def paired_difference(
    target: Target,
    a: np.ndarray,
    b: np.ndarray,
    unit: np.ndarray,
    *,
    metric: str,
    unit_name: str,
    seed: int,
    draws: int = 1000,
) -> Estimate:
    """Metric of `a` minus metric of `b`, both (example, output), with the interval of the difference on equal draws."""
    whole, table = paired_draws(target, {"a": a, "b": b}, unit, metric=metric, seed=seed, draws=draws)
    return Estimate(float(whole[0] - whole[1]), *interval(table[0] - table[1]), unit_name)


def paired_p_value(
    target: Target,
    a: np.ndarray,
    b: np.ndarray,
    unit: np.ndarray,
    *,
    metric: str,
    seed: int,
    draws: int = 1000,
) -> float:
    """Two-sided bootstrap p-value of `a` and `b`, both (example, output), having the same metric."""
    _, table = paired_draws(target, {"a": a, "b": b}, unit, metric=metric, seed=seed, draws=draws)
    return two_sided_p(table[0] - table[1])


def two_sided_p(differences: np.ndarray) -> float:
    """Two-sided bootstrap p-value of draws of a difference (draw,) against zero, never below 2 / (draws + 1)."""
    known = differences[~np.isnan(differences)]
    if not len(known) or len(known) < LEAST_DEFINED * len(differences):
        return float("nan")
    tail = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(known) + 1)))


def _estimates(
    functions: Mapping[str, Evaluator], unit: np.ndarray, *, unit_name: str, seed: int, draws: int
) -> dict[str, Estimate]:
    several = len(np.unique(unit)) > 1
    table = draw_metrics(functions, unit, seed=seed, draws=draws if several else 0)
    found = {}
    for (name, function), values in zip(functions.items(), table, strict=True):
        value = function(None)
        if name == "ece" and len(values):
            values = np.maximum(values - (np.nanmean(values) - value if not np.isnan(values).all() else 0), 0)
        found[name] = Estimate(value, *interval(values), unit_name)
    return found


def _check(target: Target, unit: np.ndarray) -> None:
    if len(unit) != len(target.values):
        raise MismatchError("one unit is needed for each example", got=len(unit), expected=len(target.values))
