"""Intervals called along chromosomes against the place that was selected, column by column (Hamid et al. 2023).

Every column of every chromosome is one test: a called column inside the true interval is right. The true interval is a
fixed number of columns around the selected site; a chromosome without selection has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

STEPS = 1000
"""Thresholds between 0 and 1 at which precision and recall are taken."""
_EDGE = 1e-9
"""Scores this close below a threshold reach it: rounding of 32-bit numbers."""


class Interval(NamedTuple):
    """Columns `first` to `last`, the last one not included, and the highest score among them."""

    first: int
    last: int
    score: float

    @property
    def middle(self) -> float:
        """In columns from the beginning of the chromosome."""
        return (self.first + self.last) / 2


def called_intervals(scores: np.ndarray, threshold: float) -> list[Interval]:
    """The longest runs of columns that reach a threshold, in order along the chromosome.

    Args:
        scores: of one chromosome (column,).
        threshold: of the scores.
    """
    reached = np.r_[False, scores >= threshold - _EDGE, False]
    edges = np.flatnonzero(np.diff(reached.astype(np.int8)))
    return [
        Interval(int(first), int(last), float(scores[first:last].max()))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    ]


def best_interval(scores: np.ndarray) -> Interval:
    """The run of columns with the highest score (column,); the first of several."""
    top = float(scores.max())
    return called_intervals(scores, top)[0]


@dataclass(frozen=True, eq=False)
class LocalisationSums:
    """Counts of each chromosome, from which all figures follow, whatever chromosomes are drawn how often.

    Attributes:
        right: columns inside the true interval that score k / STEPS or more (chromosome, k).
        called: columns that do (chromosome, k).
        true: columns of the true interval (chromosome,).
        selected: whether there is one (chromosome,).
        hit: whether the selected site's column is called at the threshold (chromosome,).
        error: columns from the middle of the best interval to the selected site (chromosome,); NaN without selection.
        intervals: called at the threshold (chromosome,).
        width: columns that they cover (chromosome,).
        threshold: at which intervals are called.
    """

    right: np.ndarray
    called: np.ndarray
    true: np.ndarray
    selected: np.ndarray
    hit: np.ndarray
    error: np.ndarray
    intervals: np.ndarray
    width: np.ndarray
    threshold: float

    @classmethod
    def of(cls, truth: np.ndarray, site: np.ndarray, scores: np.ndarray, *, threshold: float) -> Self:
        """Count.

        Args:
            truth: 1 in the true interval's columns (chromosome, column).
            site: where the selected site lies, in columns from the beginning (chromosome,); NaN without selection.
            scores: of the columns, 0 to 1 (chromosome, column).
            threshold: at which intervals are called.
        """
        inside = np.asarray(truth) > 0.5
        level = np.clip(np.floor(np.asarray(scores, np.float64) * STEPS + _EDGE * STEPS), 0, STEPS).astype(np.int64)
        right, called = (_at_least(level, chosen) for chosen in (inside, np.ones_like(inside)))
        selected = np.isfinite(site)
        column = np.minimum(np.nan_to_num(site).astype(np.int64), inside.shape[1] - 1)
        found = [called_intervals(row, threshold) for row in scores]
        reached = scores[np.arange(len(scores)), column] >= threshold - _EDGE
        best = np.array([best_interval(row).middle for row in scores]).reshape(len(scores))
        return cls(
            right=right,
            called=called,
            true=inside.sum(axis=1).astype(np.float64),
            selected=selected.astype(np.float64),
            hit=(reached & selected).astype(np.float64),
            error=np.where(selected, np.abs(best - np.nan_to_num(site)), np.nan),
            intervals=np.array([len(one) for one in found], np.float64),
            width=np.array([sum(i.last - i.first for i in one) for one in found], np.float64),
            threshold=threshold,
        )

    def take(self, index: np.ndarray) -> Self:
        """Of some chromosomes."""
        arrays = {name: value[index] for name, value in vars(self).items() if name != "threshold"}
        return type(self)(**arrays, threshold=self.threshold)

    def figures(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Every figure where chromosomes count as in `weights` (draw, chromosome), once by default: name to (draw,).

        auprc is the step sum of precision over recall; precision, recall, centre (the site lies in a called interval)
        and false_calls (of chromosomes without selection) are at the threshold; centre_error, in columns, is that of
        the best interval at any threshold. NaN where no chromosome allows a figure.
        """
        w = np.ones((1, len(self.true))) if weights is None else np.asarray(weights, np.float64)
        right, called = w @ self.right, w @ self.called  # (draw, k)
        true, selected, neutral = w @ self.true, w @ self.selected, w @ (1 - self.selected)
        at = round(self.threshold * STEPS)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = right / true[:, None]
            precision = np.where(called > 0, right / called, 1.0)
            gained = recall - np.concatenate([recall[:, 1:], np.zeros((len(recall), 1))], axis=1)
            return {
                "auprc": (gained * precision).sum(axis=1),
                "precision": right[:, at] / called[:, at],
                "recall": recall[:, at],
                "centre": (w @ self.hit) / selected,
                "centre_error": (w @ np.nan_to_num(self.error)) / selected,
                "false_calls": (w @ ((1 - self.selected) * (self.intervals > 0))) / neutral,
                "intervals": (w @ self.intervals) / w.sum(axis=1),
                "width": (w @ self.width) / (w @ self.intervals),
            }

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Recall and precision at thresholds from high to low, both (k,); where nothing is called precision is NaN."""
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = self.right.sum(axis=0) / self.called.sum(axis=0)
            return (self.right.sum(axis=0) / self.true.sum())[::-1], precision[::-1]


def _at_least(level: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How many chosen columns of each chromosome have level k or more (chromosome, k)."""
    rows = len(level)
    flat = (np.arange(rows)[:, None] * (STEPS + 1) + level)[chosen]
    counts = np.bincount(flat, minlength=rows * (STEPS + 1)).reshape(rows, STEPS + 1)
    return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
