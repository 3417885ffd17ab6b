"""Pitfall: distributional difference. Whether training and test examples can be told apart."""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import crossed_scores, rate
from chiasma.audit.confounding import case_columns, simple_predictors
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown, strength
from chiasma.data.matrix import Views
from chiasma.data.results import Estimate, Finding

PITFALL = "distributional-difference"


def check_distribution(context: Context) -> list[Finding]:
    """Train against test by the cheap model, and the class shares of both."""
    train, test = context.split.where("train"), context.split.where("test")
    if len(train) < 10 or len(test) < 10:
        message = f"Too few examples to compare the parts ({len(train)} train, {len(test)} test)."
        return [Finding(PITFALL, "train-against-test", "warning", message, {"train": len(train), "test": len(test)})]
    both = np.concatenate([train, test])
    y = np.repeat([[0.0], [1.0]], [len(train), len(test)], axis=0)
    found = []
    if context.features is not None:
        found.append(_told_apart(context, context.features, both, y))
    elif (place := _bare(context)) is not None:
        found.append(_told_apart(context, place, both, y))
    return found + _absent_views(context, train, test) + _case(context, both, y) + _label_shift(context, train, test)


def _told_apart(context: Context, x: np.ndarray, both: np.ndarray, y: np.ndarray) -> Finding:
    """How well the cheap model tells test from training examples, and by which simple property."""
    figure = _area(context, x, both, y)
    severity = graded(strength(figure, continuous=False), note=0.6, warning=0.7, critical=1.01)
    if severity == "ok":
        message = f"A cheap model tells test from training examples at AUROC {shown(figure)}: the parts look alike."
        return Finding(PITFALL, "train-against-test", severity, message, figure.to_dict())
    # Where a division is by place or group, these two tell the parts apart by its very making.
    asked = {k: x for k, x in simple_predictors(context).items() if k != "position" and not k.startswith("column ")}
    simple = {name: _area(context, columns, both, y) for name, columns in asked.items()}
    simple = {name: area for name, area in simple.items() if strength(area, continuous=False) >= 0.6}
    best = sorted(simple, key=lambda name: -strength(simple[name], continuous=False))[:2]
    reason = f", {' and '.join(f'{name} alone at {shown(simple[name])}' for name in best)}" if best else ""
    message = (
        f"A cheap model tells test from training examples at AUROC {shown(figure)}{reason}: they differ, so the test "
        "figures speak of examples unlike the training ones."
    )
    figures = {**figure.to_dict(), "simple": {name: area.to_dict() for name, area in simple.items()}}
    return Finding(PITFALL, "train-against-test", severity, message, figures)


def _area(context: Context, x: np.ndarray, both: np.ndarray, y: np.ndarray) -> Estimate:
    scores = crossed_scores(x[both], y, context.fold[both])
    return rate(y, scores, unit=context.data.unit[both], continuous=False, unit_name=context.data.unit_name)


def _bare(context: Context) -> np.ndarray | None:
    """Length of bare intervals, all that is known of them besides their place (example, column)."""
    return simple_predictors(context).get("length")


def _absent_views(context: Context, train: np.ndarray, test: np.ndarray) -> list[Finding]:
    """Views that were measured in training and in no test sample."""
    if not isinstance(context.data.x, Views):
        return []
    present = context.data.x.present()
    absent = [name for name in present if present[name][train].any() and not present[name][test].any()]
    if not absent:
        return []
    message = (
        f"No test sample has view {' or '.join(absent)}, which training has: the test figures are those of a model "
        "that does without."
    )
    return [Finding(PITFALL, "view-absent-in-test", "note", message, {"views": absent})]


def _case(context: Context, both: np.ndarray, y: np.ndarray) -> list[Finding]:
    """Whether letter case tells the two files apart, whatever they are: classes, or parts made by different tools."""
    share = case_columns(context)
    if share is None or context.split.kind != "given":
        return []
    figure = _area(context, share, both, y)
    severity = graded(strength(figure, continuous=False), note=0.6, warning=0.9, critical=1.01)
    message = f"Letter case alone tells test from training examples at AUROC {shown(figure)}" + (
        ": the files were made differently. Case never reaches a model here, but any tool that reads it learns that."
        if severity == "warning"
        else "."
    )
    return [Finding("format", "letter-case-by-part", severity, message, figure.to_dict())]


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
