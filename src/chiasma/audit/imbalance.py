"""Pitfall: imbalance. What the largest class gets for nothing, and whether there is a second class at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.audit.context import Context
from chiasma.audit.words import graded, some
from chiasma.data.results import Finding

PITFALL = "imbalance"


def check_imbalance(context: Context) -> list[Finding]:
    """Class shares over all parts, in each part, and the accuracy of naming the largest class."""
    target, n = context.data.target, len(context.data)
    if target.kind == "none":
        return [Finding(PITFALL, "no-label", "note", "There are no labels: nothing that needs them was examined.")]
    if target.kind == "regression":
        return _spread(context)
    if target.kind == "multilabel":
        share = np.nanmean(context.y, axis=0)
        rare = [name for name, value in zip(target.names, share) if min(value, 1 - value) < 0.02]
        message = f"{len(rare)} of {len(target.names)} labels are nearly constant (rarer than 2 %)."
        shares = {"share": dict(zip(target.names, share.tolist()))}
        return [Finding(PITFALL, "rare-labels", "warning" if rare else "ok", message, shares)]
    counts = np.bincount(np.asarray(target.values, int), minlength=len(target.names))
    share = counts / max(n, 1)
    majority = int(np.argmax(counts))
    figures: dict[str, Any] = {"counts": dict(zip(target.names, counts.tolist()))}
    figures["majority_accuracy"] = float(share.max())
    if (counts > 0).sum() < 2:
        message = f"All {n:,} examples are of one class ({target.names[majority]}): no classifier can be tested."
        return [Finding(PITFALL, "one-class", "critical", message, figures)]
    even = 1 / (counts > 0).sum()
    severity = graded(float(share.max()), note=even + 0.1, warning=max(0.8, even + 0.2), critical=0.99)
    message = f"Always answering {target.names[majority]!r} is right for {share.max():.1%} of the examples" + (
        ": quote balanced accuracy and AUPRC, not accuracy." if severity != "ok" else "; the classes are balanced."
    )
    return [Finding(PITFALL, "class-shares", severity, message, figures), *_small_test_class(context, counts)]


def _small_test_class(context: Context, counts: np.ndarray) -> list[Finding]:
    """A class with few examples in the test part makes its figures a matter of luck."""
    test = context.split.where("test")
    if not len(test):
        return []
    held = np.bincount(np.asarray(context.data.target.values, int)[test], minlength=len(counts))
    names = context.data.target.names
    least = int(np.argmin(np.where(counts > 0, held, np.iinfo(int).max)))
    if held[least] >= 30:
        return []
    message = f"Class {names[least]!r} has {some(int(held[least]), len(test), 'test examples')}: expect wide intervals."
    severity = "critical" if held[least] == 0 else "warning" if held[least] < 10 else "note"
    return [Finding(PITFALL, "few-test-examples", severity, message, {"test_counts": dict(zip(names, held.tolist()))})]


def _spread(context: Context) -> list[Finding]:
    """For a regression: constant tracks, and a single value that dominates."""
    found = []
    for name, values in zip(context.data.target.names, context.y.T):
        known = values[np.isfinite(values)]
        common = float(np.unique(known, return_counts=True)[1].max() / max(len(known), 1)) if len(known) else 1.0
        severity = graded(common, note=0.3, warning=0.8, critical=1.0)
        message = f"The most frequent value of {name!r} makes up {common:.1%} of the examples."
        found.append(Finding(PITFALL, "dominant-value", severity, message, {"track": name, "share": common}))
    worst = max(found, key=lambda finding: finding.figures["share"])
    return [worst]
