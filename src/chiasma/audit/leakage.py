"""Pitfall: leaky preprocessing. Scaling or feature selection that saw the test part.

Selection. Let z_train, z_test and z_all be a feature's association with the label (Fisher's z of the correlation, unit
variance under no association). They obey z_all = a z_train + b z_test with a, b the square roots of the parts' shares.
When features were picked by |z_all|, all of them lie beyond a cut, and among features that only chance carried over it,
those strong in training are weak in the test part by as much: z_train and z_test, signed by z_all, are correlated
negatively across features. Picked on the training part alone they are uncorrelated; true effects of differing size
correlate positively. Both signs together, no feature without association and a negative correlation beyond what the
effective number of features allows, are reported. What this cannot see: a few noise features among many strong true
ones, fewer than about ten effective features, or selection by a criterion that is not univariate (it then shows only
as "every feature is associated"). With the matrix before selection at hand the question is answered directly, by
selecting again inside the training part.
"""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import fit_and_score, metric_of
from chiasma.audit.context import Context, filled
from chiasma.audit.words import graded, shown
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Finding

PITFALL = "leaky-preprocessing"
ASSOCIATED = 1.96
LEAST_FEATURES = 10
CERTAIN = 3.09
"""Standard errors below zero at which the correlation is called negative (one-sided p = .001)."""


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
        found += _selection(context, rows, present, where)
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


def association(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fisher's z of each feature with each output, in standard errors (feature, output)."""
    left, right = rows - rows.mean(axis=0), y - y.mean(axis=0)
    scale = np.outer(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0))
    r = np.divide(left.T @ right, scale, out=np.zeros((rows.shape[1], y.shape[1])), where=scale > 1e-12)
    return np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)) * np.sqrt(max(len(rows) - 3, 1))


def _selection(context: Context, rows: np.ndarray, present: np.ndarray, where: str) -> list[Finding]:
    """The two signs of selection by |z_all|: nothing below a cut, and a negative correlation across features."""
    train = np.intersect1d(context.split.where("train", "valid", "calibration"), np.flatnonzero(present))
    test = np.intersect1d(context.split.where("test"), np.flatnonzero(present))
    known = np.isfinite(context.y).all(axis=1)
    train, test = train[known[train]], test[known[test]]
    if rows.shape[1] < LEAST_FEATURES or len(train) < 10 or len(test) < 8:
        message = f"{where}selection before the split was not examined: too few features or samples."
        return [Finding(PITFALL, "feature-selection", "ok", message)]
    x, everyone = filled(rows), np.concatenate([train, test])
    over_all = association(x[everyone], context.y[everyone])
    best = np.argmax(np.abs(over_all), axis=1)[:, None]
    over_all, sign = (np.take_along_axis(array, best, 1)[:, 0] for array in (np.abs(over_all), np.sign(over_all)))
    left, right = (
        np.take_along_axis(association(x[part], context.y[part]), best, 1)[:, 0] * sign for part in (train, test)
    )
    effective = _effective(x[everyone])
    r = float(np.corrcoef(left, right)[0, 1]) if np.ptp(left) and np.ptp(right) else 0.0
    errors = float(np.arctanh(np.clip(r, -0.999, 0.999)) * np.sqrt(max(effective - 3, 0)))
    # Of features without an effect 95 in 100 lie below 1.96; the few that may be missing are allowed for.
    idle = float((over_all < ASSOCIATED).mean())
    figures = {
        "features": rows.shape[1],
        "effective_features": effective,
        "share_not_associated": idle,
        "weakest_z": float(over_all.min()),
        "train_test_correlation": r,
        "standard_errors": errors,
    }
    if idle > 0.02:
        message = f"{where}{idle:.0%} of the features are not associated with the label: no sign of selection by it."
        return [Finding(PITFALL, "feature-selection", "ok", message, figures)]
    if errors < -CERTAIN:
        message = (
            f"{where}all features are associated with the label (weakest z {over_all.min():.1f}), and those strong in "
            f"training are weak in the test part (r = {r:.2f}): the features were selected by the label before the "
            "split, and the test figures are too good. Select inside the training part."
        )
        return [Finding(PITFALL, "selected-before-split", "critical", message, figures)]
    message = (
        f"{where}every feature is associated with the label. If they were selected by it, that must have happened on "
        "other samples than the test part; the data alone do not tell."
    )
    return [Finding(PITFALL, "all-features-associated", "warning", message, figures)]


def _effective(rows: np.ndarray) -> float:
    """Effective number of features: the participation ratio of the correlation matrix's eigenvalues."""
    centred = rows - rows.mean(axis=0)
    scaled = centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    gram = scaled @ scaled.T if scaled.shape[0] < scaled.shape[1] else scaled.T @ scaled
    n, p = len(rows), rows.shape[1]
    # Sampling noise adds p^2 / n to the sum of squared correlations of independent features; it is taken off.
    squares = max(float((gram**2).sum()) - p * (p - 1) / max(n - 1, 1), p)
    return min(float(p), p**2 / squares)


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
