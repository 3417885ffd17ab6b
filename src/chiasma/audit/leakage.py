"""Pitfall: leaky preprocessing. Scaling or feature selection that saw the test part.

For selection see `chiasma.audit.selection`; with the matrix before selection at hand the question is answered
directly, by selecting again inside the training part.
"""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import fit_and_score, metric_of
from chiasma.audit.context import Context, filled
from chiasma.audit.selection import PITFALL, association, check_selection
from chiasma.audit.words import graded, shown
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Finding


def check_leakage(context: Context) -> list[Finding]:
    """Scaling over all samples, a feature that is the label, selection before the split."""
    if context.rows is None:
        message = (
            "Sequences, intervals and simulations reach a model as they are: there is no scaling or selection to leak."
        )
        return [Finding(PITFALL, "preprocessing", "ok", message)]
    views = {"": context.data.x} if isinstance(context.data.x, Matrix) else dict(_views(context.data.x))
    found = [finding for name, view in views.items() for finding in _one_matrix(context, name, view)]
    return found + _nested(context)


def _views(x: object) -> dict[str, Matrix]:
    return dict(x.blocks) if isinstance(x, Views) else {}


def _one_matrix(context: Context, name: str, view: Matrix) -> list[Finding]:
    rows, where = np.asarray(view.values, float), f"view {name}: " if name else ""
    present = ~np.isnan(rows).all(axis=1)
    found = [_scaling(context, rows, present, where)]
    if context.labelled:
        found += _label_itself(context, rows, view, where)
        found.append(check_selection(context, rows, present, where))
    return found


def _scaling(context: Context, rows: np.ndarray, present: np.ndarray, where: str) -> Finding:
    """Mean 0 and deviation 1 over all samples together, while not so over the training part."""
    train = np.intersect1d(context.split.where("train"), np.flatnonzero(present))
    usable = filled(rows[present])
    if len(train) < 3 or len(train) == present.sum():
        return Finding(PITFALL, "scaling", "ok", f"{where}scaling was not examined: no samples outside training.")
    centred = np.abs(usable.mean(axis=0)) < 1e-6
    scaled = np.minimum(np.abs(usable.std(axis=0) - 1), np.abs(usable.std(axis=0, ddof=1) - 1)) < 1e-6
    own = np.abs(filled(rows[train]).mean(axis=0)) < 1e-6
    share = float((centred & ~own).mean())
    figures = {"centred": share, "scaled": float((centred & scaled & ~own).mean())}
    if share < 0.9:
        return Finding(PITFALL, "scaling", "ok", f"{where}no sign of scaling over training and test together.", figures)
    message = (
        f"{where}{share:.0%} of the features have mean 0 over training and test samples together: they were centred "
        "before the split; scale inside the training part."
    )
    return Finding(PITFALL, "scaled-before-split", "warning", message, figures)


def _label_itself(context: Context, rows: np.ndarray, view: Matrix, where: str) -> list[Finding]:
    """Features that are the label under another name."""
    z = association(filled(rows), context.y)
    r = np.abs(np.tanh(z / np.sqrt(max(len(rows) - 3, 1))))
    same = np.flatnonzero((r > 0.999).any(axis=1))
    if not len(same):
        return []
    names = [str(name) for name in view.features[same[:5]]]
    message = f"{where}{len(same)} features are the label itself or a copy of it ({', '.join(names)})."
    return [Finding(PITFALL, "label-among-features", "critical", message, {"features": names, "count": len(same)})]


def _nested(context: Context) -> list[Finding]:
    """The same number of features selected inside the training part, from the matrix before selection."""
    if context.full is None or context.rows is None or not context.labelled:
        return []
    train, test = context.split.where("train", "valid", "calibration"), context.split.where("test")
    if len(train) < 10 or not len(test):
        return []
    given, full = filled(context.rows), filled(np.asarray(context.full.values, float))
    chosen = np.argsort(-np.abs(association(full[train], context.y[train])).max(axis=1))[: given.shape[1]]
    apparent, nested = (
        context.rate(fit_and_score(x[train], context.y[train], x[test]), index=test) for x in (given, full[:, chosen])
    )
    gap = apparent.value - nested.value
    severity = graded(gap, note=0.03, warning=0.08, critical=0.15)
    severity = severity if apparent.value > nested.high or severity == "ok" else "note"
    metric = metric_of(context.data.target)
    message = (
        f"With the given {given.shape[1]} features the cheap model reaches test {metric} {shown(apparent)}; with "
        f"as many selected from all {full.shape[1]:,} inside the training part {shown(nested)}."
    )
    figures = {"given": apparent.to_dict(), "nested": nested.to_dict(), "gap": gap}
    return [Finding(PITFALL, "nested-selection", severity, message, figures)]
