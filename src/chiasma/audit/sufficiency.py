"""Is n enough for p: a learning curve of the cheap model, and the ratio of features to samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.audit.cheap import chance, fit_and_score, metric_of
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown
from chiasma.core.rng import generator
from chiasma.data.results import Estimate, Finding

PITFALL = "sufficiency"
REPEATS = 8
LEAST = 16


def check_sufficiency(context: Context) -> list[Finding]:
    """Learning curve and features per sample."""
    found = _ratio(context)
    if context.labelled and context.features is not None and not context.late:
        found += _curve(context)
    return found


def _ratio(context: Context) -> list[Finding]:
    """Features per training sample of a matrix."""
    if context.rows is None:
        return []
    n, p = len(context.split.where("train")), context.rows.shape[1]
    ratio = p / max(n, 1)
    severity = graded(ratio, note=1, warning=10, critical=1e9)
    comment = {
        "ok": "enough samples for their number.",
        "note": "selection or shrinkage is needed, inside the training part only.",
        "warning": "some of so many features will separate the classes by chance: select, tune and test in nested "
        "repeated cross-validation, and compare with permuted labels.",
    }[severity]
    message = f"{p:,} features for {n:,} training samples ({ratio:.1f} each): {comment}"
    return [Finding(PITFALL, "features-per-sample", severity, message, {"features": p, "samples": n, "ratio": ratio})]


def _held_out(context: Context) -> np.ndarray:
    """Where the curve is measured: validation and calibration if they are large enough, else the test part."""
    spare = context.split.where("valid", "calibration")
    enough = len(spare) >= 100 and all(len(np.unique(context.y[spare, j])) > 1 for j in range(context.y.shape[1]))
    return spare if enough else context.split.where("test")


def _curve(context: Context) -> list[Finding]:
    train, held = context.split.where("train"), _held_out(context)
    if len(train) < LEAST * 2 or len(held) < 8 or context.features is None:
        message = f"Too few examples for a learning curve ({len(train)} train, {len(held)} held out)."
        return [Finding(PITFALL, "learning-curve", "warning", message, {"train": len(train)})]
    halvings = int(min(5, np.floor(np.log2(len(train) / LEAST))))
    sizes = [len(train) // 2**power for power in range(halvings, -1, -1)]
    points = []
    for size in sizes:
        values: list[float] = []
        last = Estimate(float("nan"))
        for repeat in range(1 if size == len(train) else REPEATS):
            if context.late and values:
                break
            picked = generator(context.seed, "audit", "curve", size, repeat).permutation(train)[:size]
            scores = fit_and_score(context.features[picked], context.y[picked], context.features[held])
            last = context.rate(scores, index=held)
            values.append(last.value)
        spread = float(np.nanstd(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        points.append({"n": size, "value": float(np.nanmean(values)), "error": spread, "test": last.to_dict()})
    return [_read_curve(context, points, last)]


def _read_curve(context: Context, points: list[dict[str, Any]], last: Estimate) -> Finding:
    """Still rising or flat, from the last doubling; the repeats of the smaller size give its error."""
    metric, base = metric_of(context.data.target), chance(context.data.target)
    gain = points[-1]["value"] - points[-2]["value"]
    error = float(np.hypot(points[-2]["error"] * np.sqrt(REPEATS), points[-2]["error"]))
    low, high = gain - 1.96 * error, gain + 1.96 * error
    figures = {"metric": metric, "curve": points, "last_doubling": {"gain": gain, "low": low, "high": high}}
    text = f"the last doubling, from {points[-2]['n']:,}, adds {gain:+.3f} ({low:+.3f} to {high:+.3f})"
    ending = f"A linear model reaches {metric} {shown(last)} with all {points[-1]['n']:,} training examples; {text}"
    if last.low <= base:
        message = f"{ending}: not above chance, so these data may hold too little, or what they hold is not linear."
        return Finding(PITFALL, "learning-curve", "warning", message, figures)
    if low > 0.01:
        message = f"{ending}: still rising, more examples would help."
        return Finding(PITFALL, "learning-curve", "note", message, figures)
    return Finding(PITFALL, "learning-curve", "ok", f"{ending}: flat, more of the same would change little.", figures)
