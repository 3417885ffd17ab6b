"""Estimates with intervals, side by side: methods beside rivals, paired differences, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, WIDE, drawing, number, seal, shorten

_ROW = 0.3
"""Inches a row."""


def _interval(axes: Any, y: float, row: Mapping[str, Any], *, color: str, size: float = 6) -> None:
    value, low, high = (number(row.get(key)) for key in ("value", "low", "high"))
    if low == low and high == high:
        axes.plot([low, high], [y, y], color=color, linewidth=2.2, alpha=0.55, solid_capstyle="butt")
    axes.plot([value], [y], "o", color=color, markersize=size)


def _text(row: Mapping[str, Any]) -> str:
    value = number(row.get("value"))
    return f"{value:.3f}" if value == value else ""


def _rows(axes: Any, names: Sequence[str], *, bold: Sequence[int] = ()) -> None:
    axes.set_yticks(range(len(names)), [shorten(name, 34) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    for index in bold:
        axes.get_yticklabels()[index].set_fontweight("bold")


def _values_right(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for index, row in enumerate(rows):
        transform = axes.get_yaxis_transform()
        axes.text(1.03, index, _text(row), transform=transform, va="center", fontsize=9, color=INK)


def metric_dots(
    methods: Mapping[str, Mapping[str, Any]], *, metrics: Mapping[str, str], ours: Sequence[str] = ()
) -> Figure:
    """Each metric in a panel, each method or rival a row, with its interval.

    Args:
        methods: name -> metric -> {"value", "low", "high"}; drawn in the order given.
        metrics: metric -> the label of its panel; three at most are drawn.
        ours: names drawn in colour; the rest are grey.
    """
    names, shown = list(methods), dict(list(metrics.items())[:3])
    table: dict[str, list[Any]] = {key: [] for key in ("name", "metric", "value", "low", "high")}
    with drawing(WIDE, 0.95 + _ROW * len(names), columns=len(shown)) as (canvas, panels):
        for index, (metric, label) in enumerate(shown.items()):
            axes = panels[index] if len(shown) > 1 else panels
            rows = [methods[name].get(metric) or {} for name in names]
            for y, (name, row) in enumerate(zip(names, rows, strict=True)):
                _interval(axes, y, row, color=PALETTE[0] if name in ours else MUTED)
                for key, cell in zip(table, (name, metric, *map(row.get, ("value", "low", "high"))), strict=True):
                    table[key].append(cell)
            _rows(axes, names, bold=[y for y, name in enumerate(names) if name in ours])
            _values_right(axes, rows)
            axes.locator_params(axis="x", nbins=4)
            axes.margins(x=0.1)
            axes.set_title(label)
            if index:
                axes.tick_params(labelleft=False)
        return seal(
            canvas,
            name="metrics",
            title="The method beside the simple rivals",
            table=table,
            caption="Points are the test part; bars are 95 % bootstrap intervals.",
        )


def paired_differences(pairs: Sequence[Mapping[str, Any]], *, metric: str = "") -> Figure:
    """A forest of paired differences `a - b`, with their intervals and the line of no difference.

    Args:
        pairs: {"a", "b", "value", "low", "high", "p"}.
        metric: label of the axis.
    """
    firsts = {str(pair["a"]) for pair in pairs}
    if len(firsts) == 1:
        names = [f"against {shorten(pair['b'], 34)}" for pair in pairs]
    else:
        names = [f"{shorten(pair['a'], 18)} − {shorten(pair['b'], 18)}" for pair in pairs]
    with drawing(WIDE * 0.75, 0.95 + _ROW * max(len(pairs), 1)) as (canvas, axes):
        axes.axvline(0, color=INK, linewidth=1)
        for y, pair in enumerate(pairs):
            low, high = number(pair.get("low")), number(pair.get("high"))
            color = PALETTE[0] if low > 0 else PALETTE[1] if high < 0 else MUTED
            _interval(axes, y, pair, color=color)
            transform = axes.get_yaxis_transform()
            value = number(pair.get("value"))
            axes.text(1.03, y, f"{value:+.3f}", transform=transform, va="center", fontsize=9, color=INK)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"difference in {metric}" if metric else "difference")
        columns = ("a", "b", "value", "low", "high", "p")
        return seal(
            canvas,
            name="paired_differences",
            title=f"{firsts.pop()} against each rival, paired" if len(firsts) == 1 else "Paired differences",
            table={key: [pair.get(key) for pair in pairs] for key in columns},
            caption="On the same test examples, resampled together. Grey: no difference shown (the line at 0).",
        )


def slice_forest(
    slices: Sequence[Mapping[str, Any]], *, metric: str, label: str = "", overall: float | None = None
) -> Figure:
    """One metric over slices of the test part, grouped by what they slice.

    Args:
        slices: {"slice", "value", "n", METRIC: {"value", "low", "high"}}.
        metric: key drawn.
        label: label of the axis.
        overall: the figure over the whole test part, drawn as a line.
    """
    kept = [row for row in slices if isinstance(row.get(metric), Mapping)]
    names = [f"{row.get('slice')} {row.get('value')}" for row in kept]
    with drawing(SMALL * 1.55, 0.95 + 0.26 * max(len(kept), 1)) as (canvas, axes):
        if overall is not None:
            axes.axvline(overall, color=INK, linewidth=1, linestyle=(0, (3, 3)))
        kinds = list(dict.fromkeys(row.get("slice") for row in kept))
        for y, row in enumerate(kept):
            color = PALETTE[kinds.index(row.get("slice")) % len(PALETTE)]
            _interval(axes, y, row[metric], color=color, size=5.5)
            transform = axes.get_yaxis_transform()
            text = f"{_text(row[metric])}   n={row.get('n', '?'):,}" if row.get("n") is not None else _text(row[metric])
            axes.text(1.03, y, text, transform=transform, va="center", fontsize=8.5, color=INK)
        _rows(axes, names)
        axes.set_xlabel(label or metric)
        figures = [row[metric] for row in kept]
        return seal(
            canvas,
            name="slices",
            title="The same figure by slice of the test part",
            table={
                "slice": [row.get("slice") for row in kept],
                "value_of_slice": [row.get("value") for row in kept],
                "n": [row.get("n") for row in kept],
                **{f"{metric}_{key}": [row.get(key) for row in figures] for key in ("value", "low", "high")},
            },
            caption="The dashed line is the whole test part. Look for slices where the method fails.",
        )
