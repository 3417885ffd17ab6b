"""Pitfall: distributional difference. Whether training and test examples can be told apart."""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import crossed_scores, rate
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown, strength
from chiasma.data.results import Finding

PITFALL = "distributional-difference"


def check_distribution(context: Context) -> list[Finding]:
    """Train against test by the cheap model, and the class shares of both."""
    train, test = context.split.where("train"), context.split.where("test")
    if len(train) < 10 or len(test) < 10:
        message = f"Too few examples to compare the parts ({len(train)} train, {len(test)} test)."
        return [Finding(PITFALL, "train-against-test", "note", message, {"train": len(train), "test": len(test)})]
    found = []
    if context.features is not None:
        both = np.concatenate([train, test])
        y = np.repeat([[0.0], [1.0]], [len(train), len(test)], axis=0)
        scores = crossed_scores(context.features[both], y, context.fold[both])
        figure = rate(y, scores, unit=context.data.unit[both], continuous=False, unit_name=context.data.unit_name)
        severity = graded(strength(figure, continuous=False), note=0.6, warning=0.7, critical=1.01)
        comment = (
            "the parts look alike."
            if severity == "ok"
            else "they differ, so the test figures speak of examples unlike the training ones."
        )
        message = f"A cheap model tells test from training examples at AUROC {shown(figure)}: {comment}"
        found.append(Finding(PITFALL, "train-against-test", severity, message, figure.to_dict()))
    return found + _label_shift(context, train, test)


def _label_shift(context: Context, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """The largest difference in class share (or, for a regression, in mean, by its standard deviation)."""
    if not context.labelled:
        return []
    left, right = np.nanmean(context.y[train], axis=0), np.nanmean(context.y[test], axis=0)
    spread = np.maximum(np.nanstd(context.y, axis=0), 1e-12)
    difference = (right - left) / (spread if context.continuous else 1.0)
    error = spread * np.sqrt(1 / len(train) + 1 / len(test)) / (spread if context.continuous else 1.0)
    worst = int(np.argmax(np.abs(difference)))
    size, certain = abs(float(difference[worst])), abs(difference[worst]) > 3 * error[worst]
    severity = graded(size if certain else 0.0, note=0.05, warning=0.15, critical=1e9)
    names = context.data.target.names
    name = names[-1] if context.y.shape[1] == 1 and not context.continuous else names[worst]
    unit = "standard deviations" if context.continuous else "of the examples"
    figure = f"{difference[worst]:+.2f}" if context.continuous else f"{difference[worst]:+.1%}"
    message = f"From train to test the largest shift of the target is {figure} {unit} ({name})."
    return [Finding(PITFALL, "label-shift", severity, message, {"shift": float(difference[worst]), "name": str(name)})]
