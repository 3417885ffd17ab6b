"""Features and samples of several views in the plane of two components; shares of variance; errors by component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, WIDE, drawing, seal, shorten

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 12
_MARKERS = "o^sDvP"


def sealed(canvas: Any, table: pd.DataFrame, *, name: str, title: str, caption: str) -> tuple[Figure, pd.DataFrame]:
    """A canvas as a Figure, and the tidy table behind it."""
    columns = {str(column): table[column].tolist() for column in table.columns}
    return seal(canvas, name=name, title=title, table=columns, caption=caption), table


def correlation_circle(
    correlations: Mapping[str, pd.DataFrame], *, components: tuple[int, int] = (0, 1), least: float = 0.5
) -> tuple[Figure, pd.DataFrame]:
    """Features as points by their correlations with two components; the farthest from the centre are named.

    Args:
        correlations: of each view, features as rows and components as columns.
        components: which two.
        least: distance from the centre from which a feature is drawn; the table holds all.
    """
    import pandas as pd

    one, two = components
    names = list(next(iter(correlations.values())).columns)
    parts = [
        pd.DataFrame(
            {"view": view, "feature": table.index, names[one]: table.iloc[:, one], names[two]: table.iloc[:, two]}
        ).reset_index(drop=True)
        for view, table in correlations.items()
    ]
    rows = pd.concat(parts, ignore_index=True)
    place = rows[[names[one], names[two]]].to_numpy()
    rows["length"] = np.hypot(place[:, 0], place[:, 1])
    drawn = rows[rows["length"] >= least]
    named = rows.nlargest(_NAMED, "length")
    with drawing(SMALL * 1.25, SMALL * 1.3) as (canvas, axes):
        angle = np.linspace(0, 2 * np.pi, 181)
        for radius in (0.5, 1.0):
            axes.plot(radius * np.cos(angle), radius * np.sin(angle), color=MUTED, linewidth=0.8)
        axes.axhline(0, color=MUTED, linewidth=0.6)
        axes.axvline(0, color=MUTED, linewidth=0.6)
        for number, view in enumerate(correlations):
            mine = drawn[drawn["view"] == view]
            style = {"color": PALETTE[number % len(PALETTE)], "marker": _MARKERS[number % len(_MARKERS)]}
            axes.scatter(mine[names[one]], mine[names[two]], s=16, linewidths=0, alpha=0.8, label=str(view), **style)
        for _, row in named.iterrows():
            axes.annotate(
                shorten(row["feature"], 14),
                (row[names[one]], row[names[two]]),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=7,
                color=INK,
            )
        axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xlabel=str(names[one]), ylabel=str(names[two]))
        axes.set_aspect("equal")
        if len(correlations) > 1:
            canvas.legend(loc="outside lower center", ncols=min(len(correlations), 4), labelcolor=INK)
        return sealed(
            canvas,
            rows,
            name="variables",
            title="Features by their correlations with two components",
            caption=f"Features near the outer circle follow the components; those that lie together vary together, "
            f"opposite ones against each other. Drawn from a length of {least:g}; the table holds all {len(rows):,}.",
        )


def arrow_plot(
    variates: Mapping[str, np.ndarray], *, samples: Sequence[Any], classes: Sequence[Any] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """Where each view puts each sample: an arrow from the first view to the second, or from the middle to each of many.

    Args:
        variates: of each view (sample, component of which the first two are drawn); brought to one spread here.
        samples: their names (sample,).
        classes: class of each (sample,), which colours the arrows.
    """
    import pandas as pd

    views = list(variates)
    places = {view: _unit_spread(np.asarray(values)[:, :2]) for view, values in variates.items()}
    labels = [""] * len(samples) if classes is None else [str(label) for label in classes]
    middle = np.mean(list(places.values()), axis=0)
    tails = [places[views[0]]] if len(views) == 2 else [middle] * len(views)
    heads = [places[views[1]]] if len(views) == 2 else [places[view] for view in views]
    rows = pd.concat(
        [
            pd.DataFrame({"view": view, "sample": list(samples), "class": labels, "x": place[:, 0], "y": place[:, 1]})
            for view, place in places.items()
        ],
        ignore_index=True,
    )
    names = list(dict.fromkeys(labels))
    with drawing(SMALL * 1.3, SMALL * 1.2) as (canvas, axes):
        for number, name in enumerate(names):
            mine = np.array([label == name for label in labels])
            color = PALETTE[number % len(PALETTE)]
            for tail, head in zip(tails, heads):
                step = (head - tail)[mine]
                axes.quiver(
                    *tail[mine].T, *step.T, angles="xy", scale_units="xy", scale=1, width=0.004, color=color, alpha=0.7
                )
            axes.scatter(*tails[0][mine].T, s=9, color=color, linewidths=0, label=shorten(name, 18) or None)
        every = rows[["x", "y"]].to_numpy()
        low, high = every.min(axis=0), every.max(axis=0)
        margin = np.maximum(0.06 * (high - low), 0.1)
        axes.set(
            xlim=(low[0] - margin[0], high[0] + margin[0]),
            ylim=(low[1] - margin[1], high[1] + margin[1]),
            xlabel="component 1, units of spread",
            ylabel="component 2, units of spread",
        )
        if classes is not None:
            canvas.legend(loc="outside lower center", ncols=min(len(names), 5), labelcolor=INK)
        start = f"{views[0]} to {views[1]}" if len(views) == 2 else f"the middle to {', '.join(views)}"
        return sealed(
            canvas,
            rows,
            name="arrows",
            title="Agreement of the views on each sample",
            caption=f"An arrow goes from {start}: short arrows are samples on which the views agree.",
        )


def explained_bars(shares: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Share of each view's variance (view, component) that each component holds."""
    import pandas as pd

    rows = pd.DataFrame(
        [
            {"view": view, "component": component, "share": float(share)}
            for view, row in shares.iterrows()
            for component, share in row.items()
        ]
    )
    n_views, n_components = shares.shape
    width = 0.8 / n_views
    with drawing(min(SMALL + 0.25 * max(n_components - 6, 0), WIDE), 2.7) as (canvas, axes):
        for number, (view, row) in enumerate(shares.iterrows()):
            place = np.arange(n_components) + (number - (n_views - 1) / 2) * width
            axes.bar(place, 100 * row.to_numpy(), width=width * 0.92, color=PALETTE[number % 8], label=str(view))
        axes.set_xticks(range(n_components), [str(name) for name in shares.columns], fontsize=8)
        axes.set_ylabel("variance explained (%)")
        axes.grid(axis="x", visible=False)
        if n_views > 1:
            canvas.legend(loc="outside lower center", ncols=min(n_views, 4), labelcolor=INK)
        return sealed(
            canvas,
            rows,
            name="explained",
            title="Variance explained by each component",
            caption="Share of each view's variance along the component, in the train part.",
        )


def component_errors(rows: Sequence[Mapping[str, Any]], *, note: str = "") -> tuple[Figure, pd.DataFrame]:
    """Balanced error rate by number of components, one line a distance and vote; bars are standard errors.

    One vote only is not named.

    Args:
        rows: {"repeat", "component", "distance", "vote", "ber", "overall"}.
        note: how what was tuned was tuned.
    """
    import pandas as pd

    grouped = pd.DataFrame([dict(row) for row in rows]).groupby(["distance", "vote", "component"])["ber"]
    table = grouped.agg(ber="mean", standard_error="sem").reset_index()
    table["standard_error"] = table["standard_error"].fillna(0.0)
    several = table["vote"].nunique() > 1
    with drawing(SMALL * 1.3, 3.4) as (canvas, axes):
        for number, ((distance, vote), line) in enumerate(table.groupby(["distance", "vote"])):
            axes.errorbar(
                line["component"],
                line["ber"],
                yerr=line["standard_error"],
                color=PALETTE[number % len(PALETTE)],
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=4,
                linewidth=1.4,
                label=f"{distance}, {vote}" if several else str(distance),
            )
        axes.set(xlabel="components", ylabel="balanced error rate", xticks=sorted(table["component"].unique()))
        axes.set_ylim(bottom=0)
        canvas.legend(loc="outside lower center", ncols=2, labelcolor=INK)
        return sealed(
            canvas,
            table,
            name="component_errors",
            title="Error by number of components",
            caption=f"On held-out samples of the train part, for every distance{' and vote' * several}. {note}".strip(),
        )


def _unit_spread(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).mean(axis=0))
    placed = centred / np.where(size > 0, size, 1.0)
    return placed if placed.shape[1] > 1 else np.column_stack([placed, np.zeros(len(placed))])
