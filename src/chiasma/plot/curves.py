"""Receiver operating characteristic and precision against recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, drawing, seal, thin

_POINTS = 300
RATIOS = (1, 10, 100)
"""Negatives for each positive at which precision is shown."""


def rates(y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rate at every distinct threshold, from (0, 0) to (1, 1).

    Args:
        y: 0 or 1 (example,).
        score: larger for the positive class (example,).
    """
    order = np.argsort(-np.asarray(score, float), kind="stable")
    labels, ranked = np.asarray(y)[order].astype(bool), np.asarray(score, float)[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true, false = np.cumsum(labels)[last], np.cumsum(~labels)[last]
    fpr, tpr = false / max(false[-1], 1), true / max(true[-1], 1)
    return np.append(0.0, fpr), np.append(0.0, tpr)


def roc(y: np.ndarray, score: np.ndarray, *, label: str = "model") -> Figure:
    """Sensitivity against the false positive rate.

    Args:
        y: 0 or 1 (example,).
        score: larger for the positive class (example,).
        label: what the curve is called.
    """
    fpr, tpr = rates(y, score)
    area = float(np.trapezoid(tpr, fpr))
    keep = thin(len(fpr), _POINTS)
    with drawing(height=3.3) as (canvas, axes):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.fill_between(fpr[keep], tpr[keep], color=PALETTE[0], alpha=0.1, linewidth=0)
        axes.plot(fpr[keep], tpr[keep], color=PALETTE[0])
        axes.text(0.97, 0.06, f"{label}: area {area:.3f}", ha="right", color=INK, fontsize=9.5)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        return seal(
            canvas,
            name="roc",
            title="ROC curve on the test part",
            table={"false_positive_rate": fpr[keep], "true_positive_rate": tpr[keep]},
            caption="The dashed line is guessing. The area does not depend on how rare the positive class is.",
        )


def precision_recall(y: np.ndarray, score: np.ndarray, *, ratios: Sequence[float] = RATIOS) -> Figure:
    """Precision against recall, at several numbers of negatives for each positive.

    The negatives are weighted, not drawn: at rates (t, f) and r negatives a positive the precision is t / (t + r f).
    """
    fpr, tpr = rates(y, score)
    fpr, tpr = fpr[1:], tpr[1:]
    keep = thin(len(fpr), _POINTS)
    table: dict[str, list[float]] = {"ratio": [], "recall": [], "precision": []}
    with drawing(height=3.3) as (canvas, axes):
        for ratio, color in zip(ratios, PALETTE, strict=False):
            precision = tpr / np.maximum(tpr + ratio * fpr, 1e-12)
            axes.plot(tpr[keep], precision[keep], color=color, label=f"1:{ratio:g}")
            table["ratio"] += [ratio] * len(keep)
            table["recall"] += tpr[keep].tolist()
            table["precision"] += precision[keep].tolist()
        axes.legend(title="positives : negatives", loc="lower left", title_fontsize=9, alignment="left")
        axes.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        return seal(
            canvas,
            name="precision_recall",
            title="Precision and recall at three ratios",
            table=table,
            caption="The same scores, with the negatives weighted to each ratio: what a scan of a genome would see.",
        )
