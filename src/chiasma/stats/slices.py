"""Where a model is good and where it is not: metrics by chromosome, GC, length, group, distance to training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Estimate
from chiasma.data.sequences import Sequences
from chiasma.metrics.score import metric_names
from chiasma.stats.bootstrap import bootstrap

SMALLEST = 30
"""Examples below which a slice is named but not judged."""
STRENGTH = "selection coefficient, against neutral"
MOST_VALUES = 40
"""Values of a column beyond which only the commonest are shown; the rest are one slice, "other"."""


@dataclass(frozen=True)
class Slice:
    """One subset of the test part.

    Attributes:
        by: what was sliced: chromosome, gc, length, group, distance.
        name: the value or range.
        n: examples.
        units: resampled units.
        estimates: metric to estimate; empty where not assessable.
        reason: why it is not assessable, or "".
    """

    by: str
    name: str
    n: int
    units: int
    estimates: dict[str, Estimate] = field(default_factory=dict)
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """One flat row for metrics.json: slice, value, n, units, note, and an entry a metric."""
        figures = {name: estimate.to_dict() for name, estimate in self.estimates.items()}
        return {"slice": self.by, "value": self.name, "n": self.n, "units": self.units, "note": self.reason, **figures}


def make_slices(
    data: Dataset,
    scores: np.ndarray,
    *,
    seed: int,
    distance: np.ndarray | None = None,
    metrics: tuple[str, ...] | None = None,
    draws: int = 200,
) -> list[Slice]:
    """Metrics of a prediction on every slice that the data allow.

    Args:
        data: the examples scored, with columns `chrom` and `group` where there are any.
        scores: (example, output).
        seed: root of the bootstrap draws.
        distance: of each example to the training part (example,), NaN where unknown; any scale.
        metrics: names; by default the areas for classes, R2 and Pearson correlation for tracks.
        draws: bootstrap draws in each slice.

    Raises:
        MismatchError: scores or distances are not one for each example.
    """
    for name, values in (("scores", scores), ("distance", distance)):
        if values is not None and len(values) != len(data):
            raise MismatchError(f"{name} must be one for each example", got=len(values), expected=len(data))
    wanted = default_metrics(data.target) if metrics is None else metrics
    found = []
    for by, labels in slice_labels(data, distance=distance).items():
        for name in _in_order(labels):
            members = np.flatnonzero(labels == name)
            part = data.take(members)
            found.append(_judge(part, scores[members], by=by, name=name, seed=seed, metrics=wanted, draws=draws))
    return found


def strength_slices(
    data: Dataset, scores: np.ndarray, *, seed: int, metrics: tuple[str, ...] = ("auroc",), draws: int = 1000
) -> list[Slice]:
    """Metrics of a detector of selection by selection coefficient, each against all neutral examples.

    Args:
        data: binary, with a column `strength`, 0 for neutral examples.
        scores: (example, 2).
        seed: root of the bootstrap draws.
        metrics: names; those that depend on the share of positives cannot be set side by side.
        draws: bootstrap draws in each slice.
    """
    strength = np.asarray(data.columns["strength"], float)
    found = []
    for s in np.unique(strength[strength > 0]):
        members = np.flatnonzero((strength == s) | (strength == 0))
        part = data.take(members)
        judged = _judge(part, scores[members], by=STRENGTH, name=f"{s:g}", seed=seed, metrics=metrics, draws=draws)
        found.append(judged)
    return found


def default_metrics(target: Target) -> tuple[str, ...]:
    """The metrics shown in a slice: three of those the target allows."""
    names = metric_names(target.kind)
    return ("r2", "pearson", "rmse") if target.kind == "regression" else names[:3]


def slice_labels(data: Dataset, *, distance: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """For each way of slicing, the label of every example (example,), "" where it belongs to none."""
    labels: dict[str, np.ndarray] = {}
    for by, column in (("chromosome", "chrom"), ("group", "group")):
        if column in data.columns:
            labels[by] = _commonest(data.columns[column])
    if isinstance(data.x, Sequences):
        labels["gc"] = tertiles(data.x.gc(), "GC")
        labels["length"] = tertiles(data.x.lengths.astype(float), "bp")
    if distance is not None:
        labels["distance"] = tertiles(np.asarray(distance, float), "")
    return {by: names for by, names in labels.items() if len(set(names) - {""}) > 1}


def tertiles(values: np.ndarray, unit: str) -> np.ndarray:
    """Label of each value (example,) by thirds of the distribution, equal values together; "" for NaN."""
    labels = np.full(len(values), "", dtype=object)
    known = ~np.isnan(values)
    if not known.any():
        return labels
    cuts = np.unique(np.quantile(values[known], [1 / 3, 2 / 3]))
    place = np.searchsorted(cuts, values[known], side="left")
    for third in np.unique(place):
        low, high = values[known][place == third].min(), values[known][place == third].max()
        text = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        labels[np.flatnonzero(known)[place == third]] = f"{third + 1}: {text} {unit}".strip()
    return labels


def _commonest(column: np.ndarray) -> np.ndarray:
    texts = np.array(["" if value is None else str(value) for value in column], dtype=object)
    names, counts = np.unique(texts.astype(str), return_counts=True)
    if len(names) <= MOST_VALUES:
        return texts
    kept = set(names[np.argsort(-counts, kind="stable")[:MOST_VALUES]])
    return np.array([text if text in kept else "other" for text in texts], dtype=object)


def _in_order(labels: np.ndarray) -> list[str]:
    """Distinct labels, numbers in names read as numbers (chr2 before chr10)."""

    def key(name: str) -> tuple[str, int, str]:
        stem = name.rstrip("0123456789")
        return (stem, int(name[len(stem) :] or -1), name)

    return sorted(set(labels) - {""}, key=key)


def _judge(
    part: Dataset, scores: np.ndarray, *, by: str, name: str, seed: int, metrics: tuple[str, ...], draws: int
) -> Slice:
    units = len(np.unique(part.unit))
    reason = _not_assessable(part.target)
    if reason:
        return Slice(by, name, len(part), units, reason=reason)
    figures = bootstrap(
        part.target, scores, part.unit, unit_name=part.unit_name, seed=seed, draws=draws, metrics=metrics
    )
    return Slice(by, name, len(part), units, figures)


def _not_assessable(target: Target) -> str:
    """Why a slice with this truth cannot be judged, or ""."""
    values = target.values
    if len(values) < SMALLEST:
        return f"{len(values)} examples, fewer than {SMALLEST}"
    if target.kind in ("binary", "multiclass") and len(np.unique(values)) < 2:
        return f"one class only ({target.names[int(values[0])]})"
    if target.kind == "multilabel" and not ((values.min(axis=0) < 1) & (values.max(axis=0) > 0)).any():
        return "no label has examples with and without it"
    if target.kind == "regression" and (np.ptp(values, axis=0) == 0).all():
        return "the target does not vary"
    return ""


def summary(slices: list[Slice], metric: str) -> Mapping[str, Any]:
    """The worst and the best slice by a metric, and the names of those that could not be judged; JSON-ready."""
    judged = [part for part in slices if metric in part.estimates and not np.isnan(part.estimates[metric].value)]
    ranked = sorted(judged, key=lambda part: part.estimates[metric].value)
    return {
        "lowest": ranked[0].to_dict() if ranked else None,
        "highest": ranked[-1].to_dict() if ranked else None,
        "not_assessable": [f"{part.by} {part.name}: {part.reason}" for part in slices if part.reason],
    }
