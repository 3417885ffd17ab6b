"""Loadings, variates and what several lists share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, WIDE, drawing, number, seal, shorten
from chiasma.plot.variables import sealed

if TYPE_CHECKING:
    import pandas as pd

_MOST = 15


def loading_bars(rows: Sequence[Mapping[str, Any]], *, component: str = "1") -> tuple[Figure, pd.DataFrame]:
    """The largest loadings of each view on one component, the largest on top.

    Args:
        rows: {"view", "feature", "loading"} and, where measured, "stability" (share of refits that select it).
        component: name of the component.

    Returns:
        The figure, and the rows drawn: view, feature, loading and, where measured, stability.
    """
    import pandas as pd

    views = list(dict.fromkeys(str(row["view"]) for row in rows))
    top = {
        view: sorted((row for row in rows if str(row["view"]) == view), key=lambda row: -abs(number(row["loading"])))
        for view in views
    }
    top = {view: found[:_MOST] for view, found in top.items()}
    deepest = max((len(found) for found in top.values()), default=1)
    width = min(SMALL * max(len(views), 1), WIDE)
    with drawing(width, 0.95 + 0.225 * deepest, columns=max(len(views), 1)) as (canvas, panels):
        for index, view in enumerate(views):
            axes = panels[index] if len(views) > 1 else panels
            values = [number(row["loading"]) for row in top[view]]
            stability = [number(row.get("stability")) for row in top[view]]
            colors = [PALETTE[0] if value >= 0 else PALETTE[1] for value in values]
            axes.axvline(0, color=MUTED, linewidth=0.8)
            bars = axes.barh(range(len(values)), values, color=colors, height=0.68)
            for bar, share in zip(bars, stability, strict=True):
                bar.set_alpha(0.35 + 0.65 * share if share == share else 1.0)
            axes.set_yticks(range(len(values)), [shorten(row["feature"], 16) for row in top[view]], fontsize=8)
            axes.set_ylim(deepest - 0.4, -0.6)
            axes.locator_params(axis="x", nbins=4)
            axes.grid(axis="y", visible=False)
            axes.set_title(shorten(view, 20))
            axes.set_xlabel("loading")
        kept = [row for found in top.values() for row in found]
        measured = any(number(row.get("stability")) == number(row.get("stability")) for row in kept)
        columns = ("view", "feature", "loading", *(("stability",) if measured else ()))
        return sealed(
            canvas,
            pd.DataFrame({key: [row.get(key) for row in kept] for key in columns}),
            name=f"loadings_{component}",
            title=f"Loadings on {component}",
            caption=f"The {_MOST} largest of each view at most; blue is positive, orange negative. "
            "Where refits were made, pale bars were selected in few of them.",
        )


def sample_plot(
    variates: Mapping[str, np.ndarray], classes: Sequence[str], *, components: tuple[str, str]
) -> tuple[Figure, pd.DataFrame]:
    """Samples on two components of each view, coloured and shaped by class.

    Args:
        variates: view -> (sample, 2).
        classes: class of each sample (sample,).
        components: names of the two components.

    Returns:
        The figure, and a row a sample and view: view, class and the two components.
    """
    import pandas as pd

    views, names = list(variates), list(dict.fromkeys(classes))
    labels = np.asarray(classes)
    table: dict[str, list[Any]] = {key: [] for key in ("view", "class", *components)}
    width = min(SMALL * len(views), WIDE)
    with drawing(width, 0.6 + width / max(len(views), 1.6), columns=len(views)) as (canvas, panels):
        for index, view in enumerate(views):
            axes = panels[index] if len(views) > 1 else panels
            points = np.asarray(variates[view], float)
            for code, name in enumerate(names):
                mine = points[labels == name]
                axes.scatter(
                    mine[:, 0],
                    mine[:, 1],
                    s=15,
                    color=PALETTE[code % len(PALETTE)],
                    marker="o^sDvP"[code % 6],
                    alpha=0.75,
                    linewidths=0,
                    label=shorten(name, 18),
                )
            table["view"] += [view] * len(points)
            table["class"] += list(classes)
            table[components[0]] += points[:, 0].tolist()
            table[components[1]] += points[:, 1].tolist()
            axes.set_title(shorten(view, 20))
            axes.set(xlabel=components[0], ylabel=components[1] if not index else "")
            axes.tick_params(labelsize=8)
        first = panels[0] if len(views) > 1 else panels
        handles, texts = first.get_legend_handles_labels()
        canvas.legend(handles, texts, loc="outside lower center", ncols=min(len(names), 6), labelcolor=INK)
        return sealed(
            canvas,
            pd.DataFrame(table),
            name="samples",
            title="Samples on the components",
            caption="One panel a view, or a single one where the factors are common to all views.",
        )


def overlaps(sets: Mapping[str, Collection[Any]], *, what: str = "items") -> Figure:
    """How many items each combination of lists shares, the largest combination first.

    Args:
        sets: name of a list -> its items.
        what: what an item is, in the plural.
    """
    names = list(sets)
    members: dict[tuple[bool, ...], int] = {}
    for item in dict.fromkeys(item for found in sets.values() for item in found):
        key = tuple(item in sets[name] for name in names)
        members[key] = members.get(key, 0) + 1
    ranked = sorted(members.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    counts = [count for _, count in ranked]
    with drawing(WIDE * 0.75, 1.9 + 0.25 * len(names), rows=2) as (canvas, (bars, dots)):
        bars.bar(range(len(counts)), counts, color=PALETTE[0], width=0.6)
        for x, count in enumerate(counts):
            bars.annotate(
                f"{count:,}", (x, count), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8.5
            )
        bars.set(ylabel=what, xticks=[], xlim=(-0.6, len(counts) - 0.4))
        bars.grid(axis="x", visible=False)
        bars.margins(y=0.18)
        for x, (key, _) in enumerate(ranked):
            inside = [y for y, present in enumerate(key) if present]
            dots.plot([x] * len(names), range(len(names)), "o", color=MUTED, alpha=0.25, markersize=6)
            dots.plot([x] * len(inside), inside, "o-", color=INK, markersize=6, linewidth=1.5)
        dots.set_yticks(range(len(names)), [shorten(name, 22) for name in names])
        dots.set(xticks=[], xlim=(-0.6, len(counts) - 0.4), ylim=(len(names) - 0.4, -0.6))
        dots.grid(visible=False)
        dots.spines[:].set_visible(False)
        columns = {name: [key[index] for key, _ in ranked] for index, name in enumerate(names)}
        return seal(
            canvas,
            name="overlaps",
            title=f"{what.capitalize()} shared between lists",
            table={**columns, what: counts},
            caption="Each bar counts what lies in exactly the lists marked below it.",
        )
