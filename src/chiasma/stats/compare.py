"""Models against each other on the same examples, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError, unknown_name
from chiasma.data.dataset import Target
from chiasma.data.results import Estimate
from chiasma.metrics.score import PRIMARY, SPOKEN, higher_is_better
from chiasma.stats.bootstrap import interval, paired_draws, two_sided_p
from chiasma.stats.fdr import benjamini_hochberg

PRACTICAL = 0.01
"""A difference below this (on the metric's own scale) is called too small to matter, whatever its interval."""
FEW_UNITS = 50
"""Below this many resampled units an interval is itself unsure."""


@dataclass(frozen=True)
class Pair:
    """Two models on one metric.

    Attributes:
        a: name of the first model.
        b: name of the second.
        metric: what is compared.
        value_a: metric of a.
        value_b: metric of b.
        difference: a minus b, with its interval.
        p: two-sided bootstrap p-value of no difference.
        q: p after Benjamini-Hochberg over all pairs compared.
        n: examples.
        units: resampled units.
    """

    a: str
    b: str
    metric: str
    value_a: float
    value_b: float
    difference: Estimate
    p: float
    q: float
    n: int
    units: int

    def flipped(self) -> Pair:
        """The same pair seen from b."""
        d = self.difference
        turned = Estimate(-d.value, -d.high, -d.low, d.unit)
        return replace(self, a=self.b, b=self.a, value_a=self.value_b, value_b=self.value_a, difference=turned)

    def to_dict(self) -> dict[str, Any]:
        """One flat row for compare.json: `value`, `low`, `high` and `unit` are those of the difference."""
        rest = {name: value for name, value in vars(self).items() if name != "difference"}
        return {**rest, **self.difference.to_dict()}


def compare_all(
    target: Target,
    scores: Mapping[str, np.ndarray],
    unit: np.ndarray,
    *,
    unit_name: str,
    seed: int,
    metric: str | None = None,
    draws: int = 1000,
) -> list[Pair]:
    """Every pair of models on the same bootstrap draws.

    Args:
        target: the truth.
        scores: model to its prediction (example, output).
        unit: resampling unit of each example (example,).
        unit_name: what a unit is.
        seed: root of the draws.
        metric: what to compare; by default the primary metric of the target.
        draws: bootstrap draws.

    Returns:
        One Pair for two models, in the order of `scores`.
    """
    metric = PRIMARY[target.kind] if metric is None else metric
    names = list(scores)
    whole, table = paired_draws(target, scores, unit, metric=metric, seed=seed, draws=draws)
    return pairs_of_draws(names, whole, table, unit, metric=metric, unit_name=unit_name)


def pairs_of_draws(
    names: Sequence[str], whole: np.ndarray, table: np.ndarray, unit: np.ndarray, *, metric: str, unit_name: str
) -> list[Pair]:
    """Every pair of models from one metric of each: on all examples (model,), and on the same draws (model, draw)."""
    n, units = len(unit), len(np.unique(unit))
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        gaps = table[i] - table[j] if units > 1 else np.full(table.shape[1], np.nan)
        gap = Estimate(float(whole[i] - whole[j]), *interval(gaps), unit_name)
        values = float(whole[i]), float(whole[j])
        pairs.append(Pair(names[i], names[j], metric, *values, gap, two_sided_p(gaps), float("nan"), n, units))
    q = benjamini_hochberg(np.array([pair.p for pair in pairs]))
    return [replace(pair, q=float(value)) for pair, value in zip(pairs, q, strict=True)]


def against_best(pairs: Sequence[Pair], network: str, rivals: Sequence[str]) -> Pair:
    """The pair of `network` with the best of `rivals`, seen from the network.

    Raises:
        UsageError: no rival was compared with it, or it is unknown.
    """
    names = {name for pair in pairs for name in (pair.a, pair.b)}
    if network not in names:
        raise unknown_name("model in the comparison", network, names)
    seen = [pair if pair.a == network else pair.flipped() for pair in pairs if network in (pair.a, pair.b)]
    seen = [pair for pair in seen if pair.b in set(rivals) and not np.isnan(pair.value_b)]
    if not seen:
        raise UsageError("no rival to compare with has a defined score", where=network, got=list(rivals))
    sign = 1.0 if higher_is_better(seen[0].metric) else -1.0
    return max(seen, key=lambda pair: sign * pair.value_b)


def verdict(
    pairs: Sequence[Pair],
    *,
    network: str,
    rivals: Sequence[str],
    negatives: str | None = None,
    practical: float = PRACTICAL,
) -> str:
    """Say in plain English whether the network beats the best simple rival, by how much, and what may not be claimed.

    Args:
        pairs: from `compare_all`.
        network: the model judged.
        rivals: the simple models among those compared.
        negatives: what the negatives are, for a binary target.
        practical: smallest difference that is worth a sentence in a paper, on the metric's scale.
    """
    pair = against_best(pairs, network, rivals)
    gap, spoken = pair.difference, SPOKEN[pair.metric]
    if np.isnan(pair.value_a):
        return f"{network} has no defined {spoken} on these {pair.n:,} examples, so nothing may be claimed of it."
    sign = 1.0 if higher_is_better(pair.metric) else -1.0
    undecided = not np.isfinite([gap.low, gap.high]).all()
    ahead = not undecided and sign * (gap.low if sign > 0 else gap.high) > 0
    behind = not undecided and sign * (gap.high if sign > 0 else gap.low) < 0
    figures = f"{spoken} {pair.value_a:.3f} against {pair.value_b:.3f}, difference {gap.value:+.3f}"
    spread = "no interval could be computed" if undecided else f"95 % interval {gap.low:+.3f} to {gap.high:+.3f}"
    evidence = f"({figures}, {spread}, {pair.units:,} units: {gap.unit})"
    small = abs(gap.value) < practical
    if ahead and small:
        head = f"{network} is ahead of the best simple rival, {pair.b}, by too little to matter {evidence}."
    elif ahead:
        head = f"{network} beats the best simple rival, {pair.b} {evidence}."
    elif behind:
        head = f"{network} does not beat the best simple rival: {pair.b} is better {evidence}."
    else:
        head = f"{network} is not shown to beat the best simple rival, {pair.b} {evidence}."
    limits = _limits(pair, ahead=ahead, undecided=undecided, negatives=negatives, practical=practical)
    return " ".join([head, *limits])


def _limits(pair: Pair, *, ahead: bool, undecided: bool, negatives: str | None, practical: float) -> list[str]:
    """What may not be claimed, a sentence each."""
    found = []
    gap = pair.difference
    if undecided:
        found.append("Without an interval, chance cannot be told from skill.")
    elif gap.low <= 0 <= gap.high:
        found.append("The interval includes zero: a difference may not be claimed in either direction.")
    if ahead and abs(gap.value) < practical:
        found.append(f"The difference is under {practical:g}: a practical gain may not be claimed.")
    if pair.units < FEW_UNITS:
        found.append(f"Only {pair.units} units were held out: the interval itself is unsure.")
    if negatives:
        found.append(f"This holds against these negatives only ({negatives}), not against others.")
    return found
