"""What was predicted against what is true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, drawing, seal, shorten, thin

_POINTS = 1500


def observed_predicted(y: np.ndarray, yhat: np.ndarray, *, name: str = "", unit: str = "") -> Figure:
    """Predicted against true values of one track, with the line of equality.

    Args:
        y: true values (example,).
        yhat: predicted values (example,).
        name: name of the track.
        unit: unit of both axes.
    """
    y, yhat = np.asarray(y, float), np.asarray(yhat, float)
    finite = np.isfinite(y) & np.isfinite(yhat)
    y, yhat = y[finite], yhat[finite]
    keep = thin(len(y), _POINTS)
    suffix = f" ({unit})" if unit else ""
    both = np.concatenate([y, yhat]) if len(y) else np.array([0.0, 1.0])
    margin = 0.04 * (float(np.ptp(both)) or 1.0)
    limits = (both.min() - margin, both.max() + margin)
    with drawing(height=3.6) as (canvas, axes):
        axes.plot(limits, limits, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.plot(y[keep], yhat[keep], "o", markersize=3.2, alpha=0.32, color=PALETTE[0], markeredgewidth=0)
        if len(y) > 2 and np.std(y) > 0 and np.std(yhat) > 0:
            residual, total = np.sum((y - yhat) ** 2), np.sum((y - y.mean()) ** 2)
            text = f"R² = {1 - residual / total:.3f}\nn = {len(y):,}"
            axes.text(0.04, 0.97, text, transform=axes.transAxes, va="top", fontsize=9.5, color=INK)
        axes.set(xlabel=f"true {name}{suffix}", ylabel=f"predicted {name}{suffix}", xlim=limits, ylim=limits)
        axes.set_aspect("equal", adjustable="box")
        return seal(
            canvas,
            name="observed_predicted" + (f"_{_slug(name)}" if name else ""),
            title=f"Predicted against true {name}".strip(),
            table={"true": y[keep], "predicted": yhat[keep]},
            caption="On the dashed line the prediction is exact."
            + (f" {len(keep):,} of {len(y):,} examples are drawn." if len(keep) < len(y) else ""),
        )


def confusion(counts: np.ndarray, *, names: Sequence[str]) -> Figure:
    """Confusion matrix: rows are true classes and sum to 100 %.

    Args:
        counts: examples (true class, predicted class).
        names: class names.
    """
    counts = np.asarray(counts)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    n = len(names)
    with drawing(SMALL, 1.25 + min(0.55 * n, 3.2)) as (canvas, axes):
        for row in range(n):
            for column in range(n):
                color = PALETTE[0] if row == column else PALETTE[1]
                box = [column - 0.48, column + 0.48], row - 0.48, row + 0.48
                axes.fill_between(*box, color=color, alpha=0.05 + 0.45 * float(share[row, column]), linewidth=0)
                if n <= 8:
                    text = f"{share[row, column]:.0%}\n{counts[row, column]:,}"
                    axes.text(column, row, text, ha="center", va="center", fontsize=8.5, linespacing=1.3)
        short = [shorten(name, 14) for name in names]
        axes.set_xticks(range(n), short, rotation=0 if n <= 4 else 40, ha="center" if n <= 4 else "right")
        axes.set_yticks(range(n), short)
        axes.set(xlim=(-0.52, n - 0.48), ylim=(n - 0.48, -0.52), xlabel="predicted", ylabel="true")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        rows, columns = np.divmod(np.arange(n * n), n)
        return seal(
            canvas,
            name="confusion",
            title="Confusion matrix",
            table={
                "true": [names[i] for i in rows],
                "predicted": [names[i] for i in columns],
                "examples": counts.ravel(),
                "share_of_true": share.ravel(),
            },
            caption="Each row sums to 100 % of the test examples of that class; the diagonal is right.",
        )


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text.lower())
