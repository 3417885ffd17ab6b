"""How well two sets of rows are told apart, as an area under a ROC curve with an interval; which rows are alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.results import Estimate
from chiasma.metrics.ranking import Ranking
from chiasma.stats.bootstrap import interval

_BLOCKS, _FOLDS, _DRAWS, _NEIGHBOURS = 20, 5, 400, 10
_CLIP = 4.0


class Scale:
    """Statistics on the scale of the simulations: normal scores by their ranks, and how many cannot be had.

    Attributes:
        mean, deviation: of each statistic of the simulations (statistic,).
    """

    def __init__(self, values: np.ndarray) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a statistic that is never defined
            self.mean = np.nan_to_num(np.nanmean(values, axis=0))
            deviation = np.nan_to_num(np.nanstd(values, axis=0))
        self.deviation = np.where(deviation > 0, deviation, 1.0)
        self._sorted = [np.sort(column[np.isfinite(column)]) for column in values.T]

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """Normal scores (row, statistic), 0 where a statistic is not defined, within +-4."""
        from scipy.special import ndtri

        scores = np.zeros(values.shape)
        for column, known in enumerate(self._sorted):
            if not len(known):
                continue
            x = values[:, column]
            below = (np.searchsorted(known, x, "left") + np.searchsorted(known, x, "right")) / 2
            quantile = (below + 0.5) / (len(known) + 1)
            # beyond the simulations ranks say no more: there the distance does
            beyond = (x < known[0]) | (x > known[-1])
            distance = np.clip((x - self.mean[column]) / self.deviation[column], -_CLIP, _CLIP)
            normal = ndtri(quantile)
            far = np.where(np.abs(distance) > np.abs(normal), distance, normal)
            scores[:, column] = np.where(np.isfinite(x), np.where(beyond, far, normal), 0.0)
        return scores

    def features(self, values: np.ndarray) -> np.ndarray:
        """Normal scores, their squares, and whether each is not defined (row, 3 statistic)."""
        ranks = self.ranks(values)
        return np.hstack([ranks, ranks**2 - 1, ~np.isfinite(values)])


@dataclass(frozen=True, eq=False)
class Told:
    """How well two sets are told apart: the area with its interval, and the chance out of fold of being of the
    second (row,), the first set's rows before the second's."""

    area: Estimate
    chance: np.ndarray


def tell_apart(
    first: np.ndarray,
    second: np.ndarray,
    *,
    units: tuple[np.ndarray, np.ndarray],
    unit_name: str,
    weight: np.ndarray | None = None,
    paired: bool = False,
    seed: int,
) -> Told:
    """Area under the ROC curve of a logistic classifier of two sets, rows of a unit in one fold.

    Args:
        first: features (row, feature).
        second: as many columns.
        units: resampling units of the rows of each; neighbours may share one.
        unit_name: what a unit is.
        weight: of the rows of `first` (row,), 1 where left out.
        paired: units of the same name in both sets are of one origin, in one fold and drawn together.
        seed: of folds and of the bootstrap.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.vstack([first, second])
    y = np.repeat([0, 1], [len(first), len(second)])
    own = np.ones(len(first)) if weight is None else np.asarray(weight, np.float64)
    # both sets count alike, and together as many rows as the smaller one has twice
    effective = min(own.sum() ** 2 / max((own**2).sum(), 1e-12), len(second))
    rows = np.concatenate([own / own.sum() * effective, np.full(len(second), effective / len(second))])
    rng = generator(seed, "folds")
    folds = np.concatenate([_folds(units[0], None if paired else rng), _folds(units[1], None)])
    chance = np.full(len(x), 0.5)
    for fold in range(_FOLDS):
        held = folds == fold
        train = ~held & (rows > 0)
        if not held.any() or len(np.unique(y[train])) < 2:
            continue
        model = LogisticRegression(C=0.03, max_iter=200)
        model.fit(x[train], y[train], sample_weight=rows[train])
        chance[held] = model.predict_proba(x[held])[:, 1]
    ranking = Ranking.of(y, chance)
    areas = np.array([ranking.auroc(draw) for draw in _draw(units, own, paired=paired, seed=seed)])
    value = ranking.auroc(np.concatenate([own, np.ones(len(second))]))
    return Told(Estimate(value, *interval(areas), unit_name), chance)


def _folds(unit: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """A fold for each row: runs of units that stand together, or units at random."""
    _, member = np.unique(unit, return_inverse=True)
    count = int(member.max()) + 1
    place = np.arange(count) * _FOLDS // count if rng is None else rng.permutation(count) % _FOLDS
    return place[member]


def _draw(units: tuple[np.ndarray, np.ndarray], own: np.ndarray, *, paired: bool, seed: int) -> Iterator[np.ndarray]:
    """Bootstrap weights of all rows, units of each set drawn with replacement."""
    rng = generator(seed, "gate bootstrap")
    members = [np.unique(unit, return_inverse=True)[1] for unit in units]
    sizes = [int(member.max()) + 1 for member in members]
    for _ in range(_DRAWS):
        counts = [np.bincount(rng.integers(0, size, size), minlength=size).astype(np.float64) for size in sizes]
        if paired:
            counts[1] = counts[0]
        yield np.concatenate([counts[0][members[0]] * own, counts[1][members[1]]])


def blocks(n_windows: int) -> np.ndarray:
    """Which of about twenty runs of neighbouring windows each belongs to (window,): these are resampled."""
    count = min(_BLOCKS, n_windows)
    return np.arange(n_windows) * count // max(n_windows, 1)


def near_rows(candidates: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How often each candidate is among the ten nearest to a row, columns over their spread (candidate,).

    Args:
        candidates: points (candidate, column).
        rows: points (row, column).
    """
    spread = np.maximum(candidates.std(axis=0), 1e-9)
    distance = (((rows[:, None] - candidates[None]) / spread) ** 2).sum(axis=2)
    count = min(_NEIGHBOURS, len(candidates))
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    return np.bincount(nearest.ravel(), minlength=len(candidates)).astype(np.float64)


def effective_size(weight: np.ndarray) -> float:
    """Rows that weighted ones are worth: (sum w)^2 / sum w^2."""
    return float(weight.sum() ** 2 / max((weight**2).sum(), 1e-300))
