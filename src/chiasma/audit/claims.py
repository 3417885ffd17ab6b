"""Somebody's predictions, measured again: the figure with its interval, calibration, slices by distance to training."""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import metric_of
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown
from chiasma.data.results import Estimate, Finding, Predictions
from chiasma.data.sequences import Sequences
from chiasma.metrics.classification import ece
from chiasma.stats.sharing import containment

PITFALL = "claims"
SLICES = ((0.0, 0.1, "unrelated"), (0.1, 0.5, "related"), (0.5, 1.01, "near-copies"))
"""Share of a test sequence's k-mers found in one training sequence."""


def check_claims(context: Context) -> list[Finding]:
    """The test figure recomputed from the predictions, its calibration, and its slices by distance to training."""
    if context.predictions is None or not context.labelled:
        return []
    index, scores = _aligned(context, context.predictions)
    if not len(index):
        message = "None of the predictions belongs to a test example: nothing could be recomputed."
        return [Finding(PITFALL, "predictions", "critical", message)]
    found = [_overall(context, index, scores)]
    if context.data.target.kind == "binary" and scores.min() >= 0 and scores.max() <= 1:
        error = ece(context.y[index, 0], scores[:, -1])
        severity = graded(error, note=0.05, warning=0.1, critical=1.01)
        message = f"Predicted probabilities are off by {error:.3f} on average (expected calibration error)."
        found.append(Finding(PITFALL, "calibration", severity, message, {"ece": error}))
    return found + _slices(context, index, scores)


def _aligned(context: Context, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Indices of test examples that have a prediction, and their scores with a column per output of the target."""
    row = {str(name): number for number, name in enumerate(predictions.ids)}
    test = context.split.where("test")
    index = np.array([i for i in test if str(context.data.ids[i]) in row], dtype=int)
    scores = predictions.scores()[[row[str(name)] for name in context.data.ids[index]]]
    wanted = context.y.shape[1]
    return index, scores[:, -wanted:] if scores.shape[1] >= wanted else np.repeat(scores[:, :1], wanted, axis=1)


def _overall(context: Context, index: np.ndarray, scores: np.ndarray) -> Finding:
    figure, metric = context.rate(scores, index=index), metric_of(context.data.target)
    missing = len(context.split.where("test")) - len(index)
    without = f" ({missing:,} test examples have no prediction)" if missing else ""
    message = f"Recomputed on {len(index):,} test examples{without}: {metric} {shown(figure)}."
    severity = "warning" if missing else "ok"
    return Finding(PITFALL, "recomputed", severity, message, {"metric": metric, "missing": missing, **figure.to_dict()})


def _slices(context: Context, index: np.ndarray, scores: np.ndarray) -> list[Finding]:
    """The figure among test sequences far from, related to and nearly copied from training."""
    train = context.split.where("train")
    if not isinstance(context.data.x, Sequences) or not len(train):
        return []
    share = containment(context.data.x.take(index), context.data.x.take(train)).share
    figures: dict[str, dict] = {}
    rated: dict[str, Estimate] = {}
    for low, high, name in SLICES:
        inside = np.flatnonzero((share >= low) & (share < high))
        figures[name] = {"from": low, "to": min(high, 1.0), "n": len(inside)}
        if len(inside) >= 20:
            rated[name] = context.rate(scores[inside], index=index[inside])
            figures[name] |= rated[name].to_dict()
    if "unrelated" not in rated or len(rated) < 2:
        return []
    near = max((rated[name] for name in rated if name != "unrelated"), key=lambda figure: figure.value)
    severity = "warning" if rated["unrelated"].high < near.low else "ok"
    metric = metric_of(context.data.target)
    message = (
        f"{metric} by distance to training: "
        + ", ".join(f"{name} {shown(figure)}" for name, figure in rated.items())
        + (": the score leans on relatives of training examples." if severity == "warning" else ".")
    )
    return [Finding(PITFALL, "by-distance-to-training", severity, message, figures)]
