"""Figures of called intervals with their 95 % intervals: chromosomes are resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.data.results import Estimate
from chiasma.metrics.localisation import LocalisationSums
from chiasma.stats.bootstrap import draw_weights, interval

_ROWS = 100
"""Draws computed at a time."""


@dataclass(frozen=True, eq=False)
class LocalisationScores:
    """Figures of one predictor.

    Attributes:
        estimates: figure to its estimate; those that the chromosomes do not allow are NaN.
        draws: figure to its value in each draw (draw,); equal seeds draw equal chromosomes, whatever the predictor.
    """

    estimates: dict[str, Estimate]
    draws: dict[str, np.ndarray]


def score_localisation(
    sums: LocalisationSums, *, unit_name: str, seed: int, draws: int, scale: float = 1.0
) -> LocalisationScores:
    """All figures with intervals.

    Args:
        sums: of the chromosomes.
        unit_name: what is resampled, for the reader.
        seed: root of the draws.
        draws: bootstrap draws; none where there is one chromosome only.
        scale: megabases of a column, in which centre_error is told.
    """
    count = len(sums.true)
    rows = list(draw_weights(np.arange(count), seed=seed, draws=draws if count > 1 else 0))
    pieces = [sums.figures(np.array(rows[start : start + _ROWS])) for start in range(0, len(rows), _ROWS)]
    whole = sums.figures()
    drawn = {name: np.concatenate([piece[name] for piece in pieces] or [np.zeros(0)]) for name in whole}
    factor = {name: scale if name == "centre_error" else 1.0 for name in whole}
    drawn = {name: values * factor[name] for name, values in drawn.items()}
    estimates = {
        name: Estimate(float(values[0]) * factor[name], *interval(drawn[name]), unit_name)
        for name, values in whole.items()
    }
    return LocalisationScores(estimates, drawn)
