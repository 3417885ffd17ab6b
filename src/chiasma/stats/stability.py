"""Stability selection: how often a feature is chosen when the samples are halved again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chiasma.core.errors import UsageError


def stability_selection(
    choose: Callable[[np.ndarray], np.ndarray],
    codes: np.ndarray,
    *,
    resamples: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Share of resamples that chose each feature (feature,).

    Each resample holds half of the samples of each class, one at least, without replacement.

    Args:
        choose: takes indices of samples (sample,), gives whether each feature is chosen (feature,).
        codes: class of each sample (sample,).
        resamples: how many halves.
        random: draws the halves.

    Source: Meinshausen & Buehlmann 2010, section 2; classes are drawn apart so that none is lost.
    """
    if resamples < 1:
        raise UsageError("stability selection needs resamples", got=resamples, expected="1 or more")
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    chosen: np.ndarray | None = None
    for _ in range(resamples):
        halves = [random.permutation(rows)[: max(len(rows) // 2, 1)] for rows in members]
        found = np.asarray(choose(np.sort(np.concatenate(halves))), dtype=float)
        chosen = found if chosen is None else chosen + found
    assert chosen is not None
    return chosen / resamples


def features_a_resample(n_features: int, *, threshold: float, false_selections: float) -> int:
    """How many features each resample may choose so that at most `false_selections` false ones are expected to pass.

    A feature passes with a share of at least `threshold`, over one half. Source: theorem 1, with q features a resample
    E(V) <= q^2 / ((2 threshold - 1) p).
    """
    if not 0.5 < threshold <= 1:
        raise UsageError("the threshold of stability selection", got=threshold, expected="above 0.5, at most 1")
    return max(int(np.sqrt((2 * threshold - 1) * n_features * false_selections)), 1)


def expected_false_selections(n_features: int, chosen: float, *, threshold: float) -> float:
    """Bound on the expected number of false features with a share of at least `threshold`, `chosen` a resample."""
    return chosen**2 / ((2 * threshold - 1) * n_features)
