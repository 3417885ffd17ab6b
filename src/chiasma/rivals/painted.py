"""The simple rivals on painted chromosomes: where the source's share is highest, and where its tracts are longest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import column_statistics
from chiasma.rivals.base import Rival

_MOST_TABLES = 8
_tables: dict[tuple[str, int, bytes], tuple[np.ndarray, np.ndarray]] = {}


def painted_rivals() -> list[Rival]:
    """Rivals for painted chromosomes, unfitted."""
    return [PeakOf("peak-ancestry", 0), PeakOf("longest-tracts", 1)]


class PeakOf(Rival):
    """One interval a chromosome, around the column where a statistic is highest.

    Its score is the chance that the site lies in it, by logistic regression on the peak's height above the mean along
    the chromosome, in standard deviations, and on the height itself.

    Args:
        name: as in metrics.json.
        statistic: 0 for the share of the source, 1 for the mean length of its tracts.
    """

    def __init__(self, name: str, statistic: int) -> None:
        self.name, self.statistic = name, statistic
        what = ("share of haplotypes of the source", "mean length of the source's tracts")[statistic]
        self.describes = f"the column with the highest {what}; how sure, by logistic regression on the peak's height"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Learn how sure a peak of some height is."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        truth = np.asarray(data.target.values) > 0.5
        with_site = truth.sum(axis=1)
        self.box_ = int(with_site.max())
        columns, heights = self._peaks(data)
        right = truth[np.arange(len(data)), columns]
        self.rate_ = float(right.mean())
        self.model_: Any = None
        if 0 < right.sum() < len(right):
            self.model_ = make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)).fit(heights, right)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Score in the columns of the interval, 0 elsewhere (example, column)."""
        if not hasattr(self, "box_"):
            raise self._not_fitted()
        columns, heights = self._peaks(data)
        sure = np.full(len(data), self.rate_) if self.model_ is None else self.model_.predict_proba(heights)[:, 1]
        apart = np.abs(np.arange(data.target.n_outputs) - columns[:, None])
        return np.where(apart <= self.box_ // 2, sure[:, None], 0.0)

    def _peaks(self, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Column of each chromosome's peak, the middle one of a level top (example,), and its heights (example, 2)."""
        values = statistics_of(data)[self.statistic]  # (example, column)
        columns = np.array([_middle_of_top(row) for row in values], np.int64)
        with np.errstate(invalid="ignore"):
            top, mean, spread = np.nanmax(values, axis=1), np.nanmean(values, axis=1), np.nanstd(values, axis=1)
        return columns, np.column_stack([(top - mean) / np.maximum(spread, 1e-9), np.log(np.maximum(top, 1e-9))])


def statistics_of(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Share of the source and mean length of its tracts in bases, both (example, column); held for the next rival."""
    if not isinstance(data.x, Simulated):
        raise InputError("painted chromosomes are needed", got=type(data.x).__name__)
    key = (repr(data.x.config), data.x.run_seed, np.asarray(data.x.index).tobytes())
    if key not in _tables:
        while len(_tables) >= _MOST_TABLES:
            _tables.pop(next(iter(_tables)))
        found = [_statistics(example, data.target.n_outputs) for example in data.x]
        _tables[key] = np.array([share for share, _ in found]), np.array([length for _, length in found])
    return _tables[key]


def _statistics(example: dict[str, np.ndarray], columns: int) -> tuple[np.ndarray, np.ndarray]:
    tracts = Tracts.unpacked(example)
    found = column_statistics(tracts, source=int(example.get("painted", 0)), columns=columns)
    return found.share, np.nan_to_num(found.length)


def _middle_of_top(values: np.ndarray) -> int:
    """The middle one of the columns that share the highest value next to one another; the first such group."""
    top = np.nanmax(values) if not np.isnan(values).all() else np.nan
    at = np.flatnonzero(values >= top - 1e-9)
    if not len(at):
        return len(values) // 2
    run = at[: np.flatnonzero(np.diff(np.r_[at, at[-1] + 2]) > 1)[0] + 1]
    return int(run[len(run) // 2])
