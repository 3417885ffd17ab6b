"""Scores of representations with intervals, and of several against each other, by resampling units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.data.results import Estimate
from chiasma.metrics.embedding import Score
from chiasma.stats.bootstrap import draw_weights, interval
from chiasma.stats.compare import Pair, pairs_of_draws


def score_embedding(
    scores: Mapping[str, Score], unit: np.ndarray, *, unit_name: str, seed: int, draws: int = 1000
) -> dict[str, Estimate]:
    """Each score with its 95 % interval; the interval is NaN where there is one unit only.

    Args:
        scores: by name.
        unit: resampling unit of each sample (sample,).
        unit_name: what a unit is.
        seed: root of the draws; equal seeds draw equal units, whatever the representation.
        draws: bootstrap draws.
    """
    whole, weights = _weights(unit, seed=seed, draws=draws)
    return {
        name: Estimate(float(score(whole)[0]), *interval(score(weights)), unit_name) for name, score in scores.items()
    }


def compare_embeddings(
    scores: Mapping[str, Score], unit: np.ndarray, *, metric: str, unit_name: str, seed: int, draws: int = 1000
) -> list[Pair]:
    """Every pair of representations on one score and the same bootstrap draws, in the order of `scores`."""
    whole, weights = _weights(unit, seed=seed, draws=draws)
    values = np.array([score(whole)[0] for score in scores.values()])
    table = np.array([score(weights) for score in scores.values()]).reshape(len(scores), -1)
    return pairs_of_draws(list(scores), values, table, unit, metric=metric, unit_name=unit_name)


def _weights(unit: np.ndarray, *, seed: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Each sample once (1, sample), and the draws (draw, sample); none of them where there is one unit."""
    several = len(np.unique(unit)) > 1
    drawn = list(draw_weights(unit, seed=seed, draws=draws)) if several else []
    return np.ones((1, len(unit))), np.array(drawn).reshape(len(drawn), len(unit))
