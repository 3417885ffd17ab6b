"""How well components tell held-out samples of another view, by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PALETTE, SMALL, drawing
from chiasma.plot.variables import sealed

if TYPE_CHECKING:
    import pandas as pd

Q2_LIMIT = 0.0975
"""Q2 from which a component counts in mixOmics and SIMCA, 1 - .95^2: its errors on held-out samples are below 95 % of
the spread that the components before it leave in all samples."""
_SHOWN = {"explained": "explained by all up to this", "q2": "Q2 of this", "correlation": "correlation of the variates"}


def component_quality(rows: Sequence[Mapping[str, Any]]) -> tuple[Figure, pd.DataFrame]:
    """Share explained and Q2, or correlation of variates, by number of components; bars: standard errors over repeats.

    Args:
        rows: of repeat, component and explained, q2 and more, or correlation.
    """
    import pandas as pd

    given = pd.DataFrame([dict(row) for row in rows]).melt(id_vars=["repeat", "component"], var_name="measure")
    table = given.groupby(["measure", "component"])["value"].agg(value="mean", standard_error="sem").reset_index()
    table["standard_error"] = table["standard_error"].fillna(0.0)
    with drawing(SMALL * 1.3, 3.2) as (canvas, axes):
        measures = [name for name in _SHOWN if name in set(table["measure"])]
        for number, name in enumerate(measures):
            line = table[table["measure"] == name]
            axes.errorbar(
                line["component"],
                line["value"],
                yerr=line["standard_error"],
                color=PALETTE[number],
                marker="os"[number],
                markersize=4,
                linewidth=1.4,
                label=_SHOWN[name],
            )
        if "q2" in measures:
            axes.axhline(Q2_LIMIT, color=MUTED, linewidth=0.8, linestyle="--")
        axes.set(xlabel="components", ylabel="on held-out samples", xticks=np.unique(table["component"]))
        canvas.legend(loc="outside lower center", ncols=2, labelcolor=INK)
        said = "On held-out samples of the train part, everything learnt and tuned without them."
        if "q2" in measures:
            said += f" Dashed: Q2 of {Q2_LIMIT:g}, from which a component counts in mixOmics and SIMCA."
        return sealed(canvas, table, name="component_quality", title="Prediction by number of components", caption=said)
