"""Whether the features of a matrix were selected by the label on all samples, the test part among them.

Let z_train, z_test and z_all be a feature's association with the label (Fisher's z of the correlation, unit variance
under no association). They obey z_all = a z_train + b z_test, with a, b the square roots of the parts' shares, and
e = b z_train - a z_test has mean zero and is independent of z_all, whatever the effects are. Two signs follow.

A hole at zero. Picked by |z_all| > c, no feature lies below c, where chance alone leaves P(|Z| < c) of them. True
effects can make such a hole as well, so it is asked how wide |z_all| spreads beyond it.

A spread that is too small. Signed by z_all, the parts' associations are a s + b e and b s - a e with s = |z_all|:
their correlation across features compares the variance of s with that of e, features correlated among themselves
included. Unselected, the variance of s is at least that of e once effects have carried all features away from zero
(correlation zero or positive), and at least 1 - 2/pi of it in any case. Of noise cut at c it is that of a normal
distribution beyond c: the correlation expected there is known, and clearly negative.

What this cannot see: a few noise features among many strong true ones, fewer than about ten effective features, or
selection by a criterion that is not univariate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.audit.context import Context, filled
from chiasma.data.results import Finding

PITFALL = "leaky-preprocessing"
ASSOCIATED = 1.96
FEW = 0.02
"""Share of unassociated features that counts as none."""
LEAST_FEATURES = 10
LOWEST = 0.01
"""Share of the features that may lie below the cut: the few that were added by hand, or cut by a similar figure."""
MISSING = 0.2
"""Share of noise features that must be missing below the cut before it is called a hole."""
CERTAIN = 3.09
"""Standard errors at which a correlation is called negative (one-sided p = .001)."""
LIKE = 0.7
"""Share of the correlation that a cut gives from which a correlation is like it."""
FAR = 6.0
"""z beyond which a cut makes no more difference to the correlation that double precision can tell."""
DOUBTFUL = 2.33
"""Standard errors at which it is worth a note (one-sided p = .01)."""


def association(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fisher's z of each feature with each output, in standard errors (feature, output)."""
    left, right = rows - rows.mean(axis=0), y - y.mean(axis=0)
    scale = np.outer(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0))
    r = np.divide(left.T @ right, scale, out=np.zeros((rows.shape[1], y.shape[1])), where=scale > 1e-12)
    return np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)) * np.sqrt(max(len(rows) - 3, 1))


def check_selection(context: Context, rows: np.ndarray, present: np.ndarray, where: str) -> Finding:
    """Look for both signs of selection before the split.

    Args:
        context: the audited examples.
        rows: one matrix of them (example, feature), NaN kept.
        present: which examples it has (example,).
        where: beginning of the message, for instance the view's name.
    """
    train = np.intersect1d(context.split.where("train", "valid", "calibration"), np.flatnonzero(present))
    test = np.intersect1d(context.split.where("test"), np.flatnonzero(present))
    known = np.isfinite(context.y).all(axis=1)
    train, test = train[known[train]], test[known[test]]
    if rows.shape[1] < LEAST_FEATURES or len(train) < 10 or len(test) < 8:
        message = f"{where}selection before the split was not examined: too few features or samples."
        return Finding(PITFALL, "feature-selection", "ok", message)
    figures = _measure(filled(rows), context.y, train, test)
    return _judge(figures, where)


def _measure(x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """The figures that tell selection on all samples from chance and from true effects."""
    from scipy.stats import binom

    everyone = np.concatenate([train, test])
    over_all = association(x[everyone], y[everyone])
    best = np.argmax(np.abs(over_all), axis=1)[:, None]
    size, sign = (np.take_along_axis(array, best, 1)[:, 0] for array in (np.abs(over_all), np.sign(over_all)))
    left, right = (np.take_along_axis(association(x[part], y[part]), best, 1)[:, 0] * sign for part in (train, test))
    effective = effective_features(x[everyone])
    r = float(np.corrcoef(left, right)[0, 1]) if np.ptp(left) and np.ptp(right) else 0.0
    cut, share = float(np.quantile(size, LOWEST)), len(train) / len(everyone)
    outputs = y.shape[1]
    missing = below(cut, outputs=outputs)
    return {
        "features": x.shape[1],
        "effective_features": effective,
        "share_not_associated": float((size < ASSOCIATED).mean()),
        "weakest_z": float(size.min()),
        "cut": cut,
        "noise_below_cut": missing,
        "hole_p": float(binom.cdf(np.ceil(LOWEST * effective), max(int(effective), 1), missing)),
        "train_test_correlation": r,
        "correlation_if_selected": cut_correlation(cut, share, outputs=outputs),
        "correlation_of_noise": cut_correlation(0.0, share, outputs=outputs),
        "standard_errors": float(_fisher(r) * np.sqrt(max(effective - 3, 0))),
    }


def _judge(figures: dict[str, Any], where: str) -> Finding:
    r, cut = figures["train_test_correlation"], figures["cut"]
    hole = figures["noise_below_cut"] >= MISSING and figures["hole_p"] < 0.001
    low = r < LIKE * figures["correlation_if_selected"]
    if hole and low and figures["standard_errors"] < -CERTAIN:
        message = (
            f"{where}hardly a feature has a weaker association with the label than z = {cut:.2f}, where chance puts "
            f"{figures['noise_below_cut']:.0%} of them, and those strong in training are weak in the test part "
            f"(r = {r:.2f}; selection on all samples gives {figures['correlation_if_selected']:.2f}): the features "
            "were selected by the label before the split, and the test figures are too good. Select inside "
            "the training part."
        )
        return Finding(PITFALL, "selected-before-split", "critical", message, figures)
    if figures["share_not_associated"] <= FEW:
        message = (
            f"{where}every feature is associated with the label. If they were selected by it, that must have happened "
            "on other samples than the test part; the data alone do not tell."
        )
        return Finding(PITFALL, "all-features-associated", "warning", message, figures)
    if hole:
        message = (
            f"{where}hardly a feature has a weaker association with the label than z = {cut:.2f}, where chance puts "
            f"{figures['noise_below_cut']:.0%} of them: true effects of nearly every feature, or selection by the "
            "label. If it was selection, it must have happened on other samples than the test part."
        )
        severity = "warning" if low or r < figures["correlation_of_noise"] else "note"
        return Finding(PITFALL, "few-features-without-association", severity, message, figures)
    beyond = _fisher(r) - _fisher(figures["correlation_of_noise"])
    if beyond * np.sqrt(max(figures["effective_features"] - 3, 0)) < -DOUBTFUL:
        message = (
            f"{where}features strong in training are weaker in the test part (r = {r:.2f}) than features that nobody "
            f"selected ({figures['correlation_of_noise']:.2f} or more): make sure that they were selected, if at all, "
            "inside the training part."
        )
        return Finding(PITFALL, "features-weaker-in-test", "note", message, figures)
    message = (
        f"{where}{figures['share_not_associated']:.0%} of the features are not associated with the label, down to "
        f"z = {figures['weakest_z']:.2f}: no sign of selection by it."
    )
    return Finding(PITFALL, "feature-selection", "ok", message, figures)


def below(cut: float, *, outputs: int = 1) -> float:
    """Share of features without an effect whose strongest |z| of so many outputs lies below a cut."""
    from scipy.stats import norm

    return float((2 * norm.cdf(cut) - 1) ** outputs)


def cut_correlation(cut: float, share: float, *, outputs: int = 1) -> float:
    """Correlation across features of z_train and z_test, signed by z_all, for noise with |z_all| beyond a cut.

    Args:
        cut: 0 for no selection.
        share: of the samples that are training ones.
        outputs: of the target; the strongest association is the one looked at.
    """
    from scipy.stats import norm

    # The distribution of |z| beyond the cut at the midpoints of equal parts of its mass.
    first = below(min(cut, FAR), outputs=outputs)
    mass = first + (1 - first) * (np.arange(4000) + 0.5) / 4000
    spread = float(np.var(norm.isf((1 - mass ** (1 / outputs)) / 2)))
    covariance = np.sqrt(share * (1 - share)) * (spread - 1)
    return float(covariance / np.sqrt((share * spread + 1 - share) * ((1 - share) * spread + share)))


def _fisher(r: float) -> float:
    return float(np.arctanh(np.clip(r, -0.999, 0.999)))


def effective_features(rows: np.ndarray) -> float:
    """Effective number of features: the participation ratio of the correlation matrix's eigenvalues."""
    centred = rows - rows.mean(axis=0)
    scaled = centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    gram = scaled @ scaled.T if scaled.shape[0] < scaled.shape[1] else scaled.T @ scaled
    n, p = len(rows), rows.shape[1]
    # Sampling noise adds p^2 / n to the sum of squared correlations of independent features; it is taken off.
    squares = max(float((gram**2).sum()) - p * (p - 1) / max(n - 1, 1), p)
    return min(float(p), p**2 / squares)
