"""All figures of merit that a target allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from chiasma.core.errors import MismatchError, UsageError, unknown_name
from chiasma.metrics import classification as c, regression as r
from chiasma.metrics.ranking import Ranking

Evaluator = Callable[[np.ndarray | None], float]
"""A figure of merit as a function of how often each example counts (example,); None counts each once."""

PRIMARY: dict[str, str] = {
    "binary": "auroc",
    "multiclass": "balanced_accuracy",
    "multilabel": "auroc",
    "regression": "r2",
}
"""The figure that ranks models, by kind of target."""

CLASSIFICATION = ("auroc", "auprc", "balanced_accuracy", "mcc", "brier", "ece", "loglik")
REGRESSION = ("r2", "pearson", "spearman", "rmse")
EMBEDDING = ("reconstruction_r2", "trustworthiness", "continuity", "neighbour_recall", "distance_correlation")
"""Of representations, without a target; see `chiasma.metrics.embedding`."""
LOCALISATION = ("auprc", "precision", "recall", "centre", "centre_error", "false_calls")
"""Of intervals called along chromosomes; see `chiasma.metrics.localisation`."""
LOWER_IS_BETTER = ("brier", "ece", "rmse", "centre_error", "false_calls")
SPOKEN = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "brier": "Brier score",
    "ece": "calibration error",
    "loglik": "log-likelihood",
    "r2": "R²",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "rmse": "RMSE",
    "reconstruction_r2": "reconstruction R²",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
    "neighbour_recall": "share of nearest neighbours kept",
    "distance_correlation": "rank correlation of distances",
    "precision": "precision",
    "recall": "recall",
    "centre": "sites inside a called interval",
    "centre_error": "distance of the best interval's middle in Mb",
    "false_calls": "chromosomes without selection but with a call",
}
"""What people call each metric."""


class AnyTarget(Protocol):
    """What is needed of `chiasma.data.dataset.Target`."""

    @property
    def kind(self) -> str:
        """Binary, multiclass, multilabel or regression."""
        ...

    @property
    def values(self) -> np.ndarray:
        """Truth: classes (example,), labels or tracks (example, output)."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs."""
        ...


def higher_is_better(name: str) -> bool:
    """Whether a larger value of this metric is the better one."""
    known = (*CLASSIFICATION, *REGRESSION, *EMBEDDING, *LOCALISATION)
    if name not in known:
        raise unknown_name("metric", name, known)
    return name not in LOWER_IS_BETTER


def metric_names(kind: str) -> tuple[str, ...]:
    """The metrics of a kind of target."""
    if kind not in PRIMARY:
        raise UsageError("no metric exists for this kind of target", got=kind, expected=", ".join(PRIMARY))
    return REGRESSION if kind == "regression" else CLASSIFICATION


def score(target: AnyTarget, scores: np.ndarray, *, weight: np.ndarray | None = None) -> dict[str, float]:
    """Every metric of a prediction.

    Args:
        target: the truth.
        scores: (example, output): class probabilities (two columns for binary), label probabilities, track values.
        weight: how often each example counts (example,).

    Returns:
        Metric to value. Multi-class and multi-label areas are means over the classes that have examples on both
        sides; several tracks are averaged. NaN where the examples do not allow the figure.

    Raises:
        MismatchError: the prediction has another shape than the target.
    """
    return {name: evaluate(weight) for name, evaluate in evaluators(target, scores).items()}


def evaluators(target: AnyTarget, scores: np.ndarray, *, metrics: Sequence[str] | None = None) -> dict[str, Evaluator]:
    """The metrics of a prediction as functions of weights, with all sorting done once.

    Args:
        target: the truth.
        scores: (example, output), as in `score`.
        metrics: names to make; by default all.
    """
    wanted = metric_names(target.kind) if metrics is None else tuple(metrics)
    for name in wanted:
        if name not in metric_names(target.kind):
            raise unknown_name(f"metric of a {target.kind} target", name, metric_names(target.kind))
    y, scores = _matched(target, scores)
    if np.isnan(scores).any() or not len(scores):
        return {name: _undefined for name in wanted}
    if target.kind == "multiclass":
        return {name: _multiclass(name, y, scores) for name in wanted}
    if target.kind == "binary":
        return {name: _binary(name, y, scores[:, 1]) for name in wanted}
    make = _track if target.kind == "regression" else _binary
    return {name: _mean_of([make(name, y[:, j], scores[:, j]) for j in range(y.shape[1])]) for name in wanted}


def _matched(target: AnyTarget, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores in agreeing shapes: y (example,) for one label each, (example, output) otherwise."""
    y, scores = np.asarray(target.values), np.asarray(scores, float)
    if target.kind == "regression":
        y = y.reshape(len(y), -1)
        scores = scores.reshape(len(scores), -1) if scores.ndim == 1 else scores
    expected = (len(y), y.shape[1] if y.ndim == 2 else len(target.names))
    if scores.shape != expected:
        raise MismatchError(
            "the prediction does not have the shape of the target", got=scores.shape, expected=f"{expected}"
        )
    return y, scores


def _undefined(weight: np.ndarray | None) -> float:
    return float("nan")


def _binary(name: str, y: np.ndarray, p: np.ndarray) -> Evaluator:
    if name in ("auroc", "auprc"):
        ranking = Ranking.of(y, p)
        return ranking.auroc if name == "auroc" else ranking.auprc
    if name == "ece":
        return c.Calibration(y, p).ece
    if name in ("brier", "loglik"):
        loss = c.brier if name == "brier" else c.loglik
        return lambda w: loss(y, p, weight=w)
    table_of = c.balanced_accuracy_of if name == "balanced_accuracy" else c.mcc_of
    truth, called = (np.asarray(y) > 0).astype(np.int64), (p > 0.5).astype(np.int64)
    return lambda w: table_of(c.confusion(truth, called, 2, weight=w))


def _multiclass(name: str, y: np.ndarray, p: np.ndarray) -> Evaluator:
    n_classes = p.shape[1]
    if name in ("auroc", "auprc"):
        return _mean_of([_binary(name, (y == k).astype(np.int64), p[:, k]) for k in range(n_classes)])
    if name == "ece":
        return c.Calibration(y, p).ece
    if name in ("brier", "loglik"):
        loss = c.brier if name == "brier" else c.loglik
        return lambda w: loss(y, p, weight=w)
    table_of = c.balanced_accuracy_of if name == "balanced_accuracy" else c.mcc_of
    called = p.argmax(axis=1)
    return lambda w: table_of(c.confusion(y, called, n_classes, weight=w))


def _track(name: str, y: np.ndarray, predicted: np.ndarray) -> Evaluator:
    if name == "spearman":
        return r.Ranks(y, predicted).spearman
    function = {"r2": r.r2, "pearson": r.pearson, "rmse": r.rmse}[name]
    return lambda w: function(y, predicted, weight=w)


def _mean_of(parts: list[Evaluator]) -> Evaluator:
    """The mean over those parts that can be computed; NaN if none can."""

    def evaluate(weight: np.ndarray | None) -> float:
        values = np.array([part(weight) for part in parts])
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")

    return evaluate
