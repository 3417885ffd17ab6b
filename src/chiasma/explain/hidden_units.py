"""What the units of a network's last hidden layer have to do with summary statistics of what it reads.

Riley et al. (2024) correlate the 128 units of pg-gan's discriminator with statistics of its regions. Here by ranks,
since statistics are skewed; which unit has which number is chance, so units are ordered by the statistics they go with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError

FEWEST = 10
"""Examples below which no correlation is given."""


@dataclass(frozen=True, eq=False)
class HiddenUnits:
    """Correlations of units with statistics.

    Attributes:
        statistics: their names (statistic,).
        correlation: Spearman's, NaN where the statistic or the unit does not vary (unit, statistic).
        weight: with which each unit enters the answer (unit,).
        order: units as they are best read, those that do not vary last (unit,).
        n: examples.
    """

    statistics: tuple[str, ...]
    correlation: np.ndarray
    weight: np.ndarray
    order: np.ndarray
    n: int

    @property
    def constant(self) -> int:
        """Units that gave all examples the same number."""
        return int(np.isnan(self.correlation).all(axis=1).sum())

    def table(self) -> dict[str, list[Any]]:
        """Tidy columns, a row a unit and statistic, units in their order; units are numbered from 0."""
        units, names = self.order, self.statistics
        return {
            "unit": np.repeat(units, len(names)).tolist(),
            "weight": np.repeat(self.weight[units], len(names)).tolist(),
            "statistic": list(names) * len(units),
            "correlation": self.correlation[units].ravel().tolist(),
            "n": [self.n] * (len(units) * len(names)),
        }


def correlate_units(
    hidden: np.ndarray, values: np.ndarray, *, statistics: tuple[str, ...], weight: np.ndarray
) -> HiddenUnits:
    """Correlate hidden units with statistics of the same examples.

    Args:
        hidden: of the layer (example, unit).
        values: of the statistics, NaN where one is not defined; these examples are left out of its ranks
            (example, statistic).
        statistics: names (statistic,).
        weight: with which each unit enters the answer (unit,).

    Raises:
        MismatchError: shapes do not belong together.
        InsufficientDataError: fewer than FEWEST examples.
    """
    if len(hidden) != len(values) or values.shape[1] != len(statistics) or len(weight) != hidden.shape[1]:
        raise MismatchError(
            "hidden units and statistics are of different examples",
            got=f"{hidden.shape} and {values.shape}, {len(statistics)} names, {len(weight)} weights",
            expected="(example, unit) and (example, statistic)",
        )
    if len(hidden) < FEWEST:
        raise InsufficientDataError("too few examples to correlate", got=len(hidden), expected=f"{FEWEST} or more")
    found = np.full((hidden.shape[1], len(statistics)), np.nan)
    for column in range(len(statistics)):
        known = np.isfinite(values[:, column])
        if known.sum() >= FEWEST:
            found[:, column] = _correlation(_ranks(hidden[known]), _ranks(values[known, column][:, None])[:, 0])
    return HiddenUnits(tuple(statistics), found, np.asarray(weight, float), _order(found), len(hidden))


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values, axis=0)


def _correlation(columns: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's of each column with another (column,); NaN where either does not vary."""
    columns, other = columns - columns.mean(axis=0), other - other.mean()
    scale = np.sqrt((columns**2).sum(axis=0) * (other**2).sum())
    return np.divide(other @ columns, scale, out=np.full(columns.shape[1], np.nan), where=scale > 0)


def _order(correlation: np.ndarray) -> np.ndarray:
    """Like units side by side (average linkage), those that do not vary last."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    dead = np.isnan(correlation).all(axis=1)
    living = np.flatnonzero(~dead)
    if len(living) > 2:
        living = living[leaves_list(linkage(np.nan_to_num(correlation[living]), "average", optimal_ordering=True))]
    return np.concatenate([living, np.flatnonzero(dead)])
