"""How features of several views go together: chords on a circle, a layered network, a clustered image map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, PALETTE, WIDE, drawing, shorten
from chiasma.plot.variables import sealed

if TYPE_CHECKING:
    import pandas as pd

Members = Sequence[tuple[str, str]]
_POSITIVE, _NEGATIVE = PALETTE[1], PALETTE[0]
_MOST_LABELS = 90


def links(members: Members, similarity: np.ndarray, *, cutoff: float) -> pd.DataFrame:
    """Pairs of features of different views whose similarity is at least `cutoff` in magnitude, the strongest first.

    Args:
        members: view and name of each feature (feature,).
        similarity: from -1 to 1 and beyond (feature, feature).
        cutoff: least magnitude.
    """
    import pandas as pd

    views = np.asarray([view for view, _ in members], dtype=object)
    one, two = np.triu_indices(len(members), 1)
    strength = similarity[one, two]
    kept = (views[one] != views[two]) & (np.abs(strength) >= cutoff)
    rows = [
        (members[a][0], members[a][1], members[b][0], members[b][1], float(s))
        for a, b, s in zip(one[kept], two[kept], strength[kept])
    ]
    table = pd.DataFrame(rows, columns=["view_a", "feature_a", "view_b", "feature_b", "similarity"])
    return table.sort_values("similarity", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)


def circos(members: Members, similarity: np.ndarray, *, cutoff: float = 0.7) -> tuple[Figure, pd.DataFrame]:
    """Features on a circle, view by view; chords join those of different views that go together.

    Arguments as in `links`.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    table = links(members, similarity, cutoff=cutoff)
    views = list(dict.fromkeys(view for view, _ in members))
    order = sorted(range(len(members)), key=lambda index: views.index(members[index][0]))
    slots = len(members) + 2 * len(views)
    angle: dict[tuple[str, str], float] = {}
    for position, index in enumerate(order):
        angle[members[index]] = 2 * np.pi * (position + 2 * views.index(members[index][0])) / slots
    with drawing(WIDE * 0.8, WIDE * 0.82) as (canvas, axes):
        for row in table.itertuples():
            ends = [angle[row.view_a, row.feature_a], angle[row.view_b, row.feature_b]]
            first, last = (0.96 * np.array([np.cos(a), np.sin(a)]) for a in ends)
            path = Path(np.stack([first, np.zeros(2), last]), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
            color = _POSITIVE if row.similarity > 0 else _NEGATIVE
            axes.add_patch(PathPatch(path, fill=False, edgecolor=color, linewidth=0.7, alpha=0.6))
        for number, view in enumerate(views):
            mine = [angle[member] for member in members if member[0] == view]
            arc = np.linspace(min(mine) - np.pi / slots, max(mine) + np.pi / slots, 60)
            axes.plot(np.cos(arc), np.sin(arc), color=PALETTE[number % 8], linewidth=6, label=str(view))
        if len(members) <= _MOST_LABELS:
            for (_, feature), turn in angle.items():
                left = np.cos(turn) < 0
                axes.text(
                    1.04 * np.cos(turn),
                    1.04 * np.sin(turn),
                    shorten(feature, 14),
                    rotation=float(np.degrees(turn)) + (180 if left else 0),
                    rotation_mode="anchor",
                    ha="right" if left else "left",
                    va="center",
                    fontsize=6,
                    color=INK,
                )
        axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4))
        axes.set_aspect("equal")
        axes.set_axis_off()
        canvas.legend(loc="outside lower center", ncols=min(len(views), 5), labelcolor=INK)
        return sealed(
            canvas,
            table,
            name="circos",
            title="Features of different views that go together",
            caption=f"{len(table):,} pairs with a similarity of {cutoff:g} or more in magnitude; orange with, blue "
            "against each other.",
        )


def network(members: Members, similarity: np.ndarray, *, cutoff: float = 0.7) -> tuple[Figure, pd.DataFrame]:
    """The same pairs as a graph: views as columns, features that have a partner as nodes.

    Arguments as in `links`. Nodes are ordered by the mean height of their partners, column after column, so that few
    edges cross.
    """
    table = links(members, similarity, cutoff=cutoff)
    views = list(dict.fromkeys(view for view, _ in members))
    ends = [
        ((a, fa), (b, fb))
        for a, fa, b, fb in table[["view_a", "feature_a", "view_b", "feature_b"]].itertuples(index=False)
    ]
    linked = {node for pair in ends for node in pair}
    height = _heights([[m for m in members if m[0] == view and m in linked] for view in views], ends)
    tallest = max((sum(node[0] == view for node in linked) for view in views), default=0)
    with drawing(WIDE, min(1.6 + 0.19 * tallest, 11.0)) as (canvas, axes):
        for (one, two), strength in zip(ends, table["similarity"]):
            color = _POSITIVE if strength > 0 else _NEGATIVE
            x = [views.index(one[0]), views.index(two[0])]
            axes.plot(x, [height[one], height[two]], color=color, linewidth=0.8, alpha=0.5, zorder=1)
        for number, view in enumerate(views):
            mine = [node for node in linked if node[0] == view]
            axes.scatter(
                [number] * len(mine), [height[node] for node in mine], s=22, color=PALETTE[number % 8], zorder=2
            )
            outward = -1 if number == 0 else 1
            for node in mine if tallest <= _MOST_LABELS else []:
                axes.annotate(
                    shorten(node[1], 16),
                    (number, height[node]),
                    xytext=(7 * outward, 0),
                    textcoords="offset points",
                    ha="right" if outward < 0 else "left",
                    va="center",
                    fontsize=6.5,
                )
        axes.set_xticks(range(len(views)), [shorten(view, 18) for view in views])
        axes.set(xlim=(-0.45, len(views) - 0.55), yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        return sealed(
            canvas,
            table,
            name="network",
            title="Network of features of different views",
            caption=f"Edges are similarities of {cutoff:g} or more in magnitude, orange with and blue against each "
            f"other; {len(linked)} of {len(members)} features have one.",
        )


def clustered_map(
    values: pd.DataFrame, *, row_groups: Sequence[Any] | None = None, column_groups: Sequence[Any] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """A clustered image map: rows and columns in the order of complete-linkage trees, colours about 0.

    Args:
        values: without missing values (row, column), for instance samples by selected features, standardised.
        row_groups: group of each row, drawn as a strip (class).
        column_groups: group of each column, drawn as a strip (view).
    """
    order = _leaves(values.to_numpy()), _leaves(values.to_numpy().T)
    turned = values.iloc[order[0], order[1]]
    limit = float(np.abs(turned.to_numpy()).max(initial=1e-12))
    limit = min(limit, 3.0) if limit > 1.5 else limit
    with drawing(WIDE, min(2.4 + 0.035 * len(values), 9.0)) as (canvas, axes):
        image = axes.imshow(turned, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        canvas.colorbar(image, ax=axes, shrink=0.5, pad=0.01)
        handles: dict[str, Any] = {}
        for groups, which, horizontal in ((row_groups, order[0], False), (column_groups, order[1], True)):
            if groups is None:
                continue
            names = list(dict.fromkeys(str(group) for group in groups))
            offset = 3 if horizontal else 0
            for position, index in enumerate(which):
                color = PALETTE[(names.index(str(groups[index])) + offset) % 8]
                x, y = (position - 0.5, -0.028) if horizontal else (-0.018, position - 0.5)
                size = (1.0, 0.022) if horizontal else (0.014, 1.0)
                transform = axes.get_xaxis_transform() if horizontal else axes.get_yaxis_transform()
                handles[names[names.index(str(groups[index]))]] = axes.add_patch(_strip((x, y), size, color, transform))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_yticks([])
        few = turned.shape[1] <= _MOST_LABELS
        axes.set_xticks(range(turned.shape[1]) if few else [], [shorten(c, 14) for c in turned.columns] if few else [])
        axes.tick_params(axis="x", labelrotation=90, labelsize=6, length=0, pad=8)
        if handles:
            canvas.legend(
                list(handles.values()),
                list(handles),
                loc="outside lower center",
                ncols=min(len(handles), 6),
                labelcolor=INK,
            )
        table = turned.reset_index(names="row").melt("row", var_name="column", value_name="value")
        return sealed(
            canvas,
            table,
            name="clustered_map",
            title="Clustered image map",
            caption=f"{len(values)} rows by {values.shape[1]} columns in the order of complete-linkage trees of "
            f"Euclidean distances; colours end at {limit:.2g}.",
        )


def _strip(corner: tuple[float, float], size: tuple[float, float], color: str, transform: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, *size, color=color, linewidth=0, transform=transform, clip_on=False)


def _leaves(values: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import leaves_list, linkage

    return leaves_list(linkage(values, "complete")) if len(values) > 1 else np.arange(len(values))


def _heights(columns: list[list[tuple[str, str]]], ends: list[Any]) -> dict[tuple[str, str], float]:
    partners: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for one, two in ends:
        partners.setdefault(one, []).append(two)
        partners.setdefault(two, []).append(one)
    height = {node: place for column in columns for node, place in zip(column, _spread(len(column)))}
    for _ in range(4):
        for column in columns:
            ranked = sorted(column, key=lambda node: np.mean([height[other] for other in partners[node]]))
            height |= dict(zip(ranked, _spread(len(ranked))))
    return height


def _spread(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / max(count, 1)
