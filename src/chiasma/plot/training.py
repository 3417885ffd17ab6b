"""How the loss fell, and what more examples would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, drawing, number, seal


def training_curves(log: Sequence[Mapping[str, Any]]) -> Figure:
    """Training and validation loss over epochs; the kept epoch is marked.

    Args:
        log: one mapping an epoch with "epoch", "train_loss" and, where there is one, "valid_loss".
    """
    epochs = [number(row.get("epoch", index)) for index, row in enumerate(log)]
    train = [number(row.get("train_loss")) for row in log]
    valid = [number(row.get("valid_loss")) for row in log]
    measured = [index for index, value in enumerate(valid) if value == value]
    with drawing(height=2.9) as (canvas, axes):
        axes.plot(epochs, train, color=MUTED, label="training", marker="o", markersize=3)
        if measured:
            axes.plot(epochs, valid, color=PALETTE[0], label="validation", marker="o", markersize=3)
            best = min(measured, key=valid.__getitem__)
            axes.plot([epochs[best]], [valid[best]], "o", markersize=9, markerfacecolor="none", markeredgecolor=INK)
            axes.annotate(
                f"kept: epoch {epochs[best]:g}",
                (epochs[best], valid[best]),
                xytext=(0, 12),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        axes.legend(loc="upper right")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(y=0.12)
        axes.set(xlabel="epoch", ylabel="loss")
        table: dict[str, Any] = {"epoch": epochs, "train_loss": train, "valid_loss": valid}
        for key in ("learning_rate", "seconds"):
            if any(key in row for row in log):
                table[key] = [row.get(key) for row in log]
        return seal(
            canvas,
            name="training",
            title="Loss over epochs",
            table=table,
            caption="The epoch with the lowest validation loss is kept. A gap that widens is overfitting.",
        )


def size_curve(sizes: Sequence[float], estimates: Sequence[Mapping[str, Any]], *, label: str) -> Figure:
    """A metric against the number of training examples, with intervals.

    Args:
        sizes: training examples (point,).
        estimates: {"value", "low", "high"} (point,).
        label: name of the metric.
    """
    value, low, high = ([number(row.get(key)) for row in estimates] for key in ("value", "low", "high"))
    with drawing(height=2.9) as (canvas, axes):
        axes.fill_between(sizes, low, high, color=PALETTE[0], alpha=0.16, linewidth=0)
        axes.plot(sizes, value, color=PALETTE[0], marker="o", markersize=5)
        axes.set_xscale("log")
        axes.set_xticks(list(sizes), [f"{size:,.0f}" for size in sizes])
        axes.minorticks_off()
        axes.set(xlabel="training examples (log scale)", ylabel=label)
        return seal(
            canvas,
            name="size_curve",
            title="What more examples bring",
            table={"training_examples": sizes, "value": value, "low": low, "high": high},
            caption="Still rising at the right end: more data would help. Flat: it would not.",
        )
