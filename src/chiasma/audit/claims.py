"""Somebody's predictions, measured again: the figure with its interval, calibration, slices by distance to training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.audit.cheap import metric_of
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown
from chiasma.core.errors import MismatchError, list_some
from chiasma.data.dataset import Target
from chiasma.data.results import Estimate, Finding
from chiasma.data.sequences import Sequences
from chiasma.metrics.classification import ece
from chiasma.stats.sharing import containment

PITFALL = "claims"
SLICES = ((0.0, 0.1, "unrelated"), (0.1, 0.5, "related"), (0.5, 1.01, "near-copies"))
"""Share of a test sequence's k-mers found in one training sequence."""
_SINGLE = ("p", "score", "yhat", "probability", "prediction", "predicted", "logit")
"""What the only score of an example is usually called, beside columns of other numbers."""


def check_claims(context: Context) -> list[Finding]:
    """The test figure recomputed from the predictions, its calibration, and its slices by distance to training.

    Raises:
        MismatchError: the columns of the predictions are not those of the target.
    """
    if context.predictions is None or not context.labelled:
        return []
    columns, ignored = matched(context.data.target, context.predictions.columns)
    index, scores = _aligned(context, context.predictions.ids, columns)
    found = _repeated(context, context.predictions.ids, columns)
    if ignored:
        message = (
            f"Besides the scores, the predictions have columns that are no score of a class: {list_some(ignored)}."
        )
        found.append(Finding(PITFALL, "other-columns", "note", message, {"columns": ignored}))
    if not len(index):
        message = "None of the predictions belongs to a test example: nothing could be recomputed."
        return [*found, Finding(PITFALL, "predictions", "critical", message)]
    found.append(_overall(context, index, scores))
    if context.data.target.kind == "binary" and scores.min() >= 0 and scores.max() <= 1:
        error = ece(context.y[index, 0], scores[:, -1])
        severity = graded(error, note=0.05, warning=0.1, critical=1.01)
        message = f"Predicted probabilities are off by {error:.3f} on average (expected calibration error)."
        found.append(Finding(PITFALL, "calibration", severity, message, {"ece": error}))
    return found + _slices(context, index, scores)


def matched(target: Target, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Columns of predictions put in the order of the target, by their names.

    Args:
        target: whose classes, labels or tracks are called NAME.
        columns: p_NAME, yhat_NAME or NAME (example,); for two classes, p_NAME of one of them is enough, and where
            there is one output a single column under any other name, or one called p, score and the like.

    Returns:
        (example, output) with one column, that of the second class, for two classes; and the columns not used.

    Raises:
        MismatchError: a class, label or track without a column, or more columns than can be told apart.
    """
    called = {name: _called(name, columns) for name in target.names}
    used = [column for column in called.values() if column is not None]
    ignored = [name for name in columns if name not in used]
    if target.kind == "binary" and used:
        first, second = (called[name] for name in target.names)
        score = columns[second] if second is not None else 1 - np.asarray(columns[str(first)])
        return np.asarray(score, float)[:, None], ignored
    if used and len(used) == len(target.names):
        return np.column_stack([columns[name] for name in used]).astype(float), ignored
    single = [name for name in columns if name.lower() in _SINGLE] or list(columns)
    one = len(target.names) == 1 or (target.kind == "binary" and not single[0].startswith(("p_", "yhat_")))
    if one and len(single) == 1:
        return np.asarray(columns[single[0]], float)[:, None], [name for name in columns if name != single[0]]
    prefix = "yhat" if target.kind == "regression" else "p"
    raise MismatchError(
        "the predictions do not say which score belongs to what",
        where="predictions",
        got=f"columns {list_some(list(columns))}",
        expected=f"columns {list_some([f'{prefix}_{name}' for name in target.names])}",
        do="name each column after its class, label or track",
    )


def _called(name: str, columns: Mapping[str, np.ndarray]) -> str | None:
    """The column of one class, label or track."""
    return next((column for column in (f"p_{name}", f"yhat_{name}", name) if column in columns), None)


def _aligned(context: Context, ids: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of test examples that have a finite prediction, the first of several, and their scores."""
    row: dict[str, int] = {}
    for number in np.flatnonzero(np.isfinite(columns).all(axis=1)):
        row.setdefault(str(ids[number]), int(number))
    test = context.split.where("test")
    index = np.array([i for i in test if str(context.data.ids[i]) in row], dtype=int)
    return index, columns[[row[str(name)] for name in context.data.ids[index]]]


def _repeated(context: Context, ids: np.ndarray, columns: np.ndarray) -> list[Finding]:
    """Examples of the data that are predicted more than once."""
    known, code, counts = np.unique(ids.astype(str), return_inverse=True, return_counts=True)
    several = np.flatnonzero((counts > 1) & np.isin(known, context.data.ids.astype(str)))
    if not len(several):
        return []
    order = np.argsort(code.ravel(), kind="stable")
    first = columns[order[np.concatenate([[0], np.cumsum(counts)[:-1]])]][code.ravel()]
    unlike = np.unique(code.ravel()[(columns != first).any(axis=1)])
    differing = int(np.isin(several, unlike).sum())
    message = (
        f"{len(several):,} examples are predicted more than once ({list_some(known[several].tolist())}), {differing:,} "
        "of them with scores that differ; the first was taken."
    )
    figures = {"examples": len(several), "differing": differing}
    return [Finding(PITFALL, "repeated-predictions", "warning" if differing else "note", message, figures)]


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
