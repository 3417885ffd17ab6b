"""How well views are rebuilt, as figures of merit and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.methods.omics.autoencoder.inputs import ViewInput

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


def reconstruction_rows(own: ViewInput, values: np.ndarray, made: np.ndarray) -> list[dict[str, Any]]:
    """Metric and value of one view's rebuilt values (sample, feature); nothing where it cannot be told."""
    known = ~np.isnan(values)
    if own.likelihood == "bernoulli":
        truth = values[known].astype(int)
        if truth.min() == truth.max():
            return []
        from sklearn.metrics import roc_auc_score

        return [{"metric": "auroc", "value": float(roc_auc_score(truth, made[known]))}]
    sizes = own.sizes(values)
    wanted, found = own.compared(values, sizes), own.compared(made, sizes)
    total = float((np.where(known, wanted, 0.0) ** 2).sum())
    lost = float((np.where(known, wanted - found, 0.0) ** 2).sum())
    return [{"metric": "r2", "value": 1 - lost / total}] if total > 0 else []


def pictures(
    history: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], factors: np.ndarray, names: list[str]
) -> dict[str, tuple[Figure, pd.DataFrame]]:
    """The loss over epochs, how well views are rebuilt, the samples on two factors (sample, factor); with tables."""
    import pandas as pd

    from chiasma.plot.embedding import grouped_bars, layout_scatter
    from chiasma.plot.training import training_curves

    found = [replace(training_curves(history), name="autoencoder_training")]
    if rows:
        caption = (
            "Samples that chose the epoch, so no test: what a view's values are predicted from, and how much is told. "
            "r2 is the share of variance about the train mean, in counts of their scaled logarithms; auroc of 0 and 1."
        )
        found.append(
            grouped_bars(
                rows,
                group="view",
                bar="source",
                value="value",
                name="reconstruction",
                title="Rebuilt from all views, and from the others",
                caption=caption,
            )
        )
    order = np.argsort(-factors.var(axis=0), kind="stable")[:2]
    caption = "Samples of the fit on the two factors that vary most."
    columns = [names[index] for index in order]
    found.append(
        layout_scatter(factors[:, order], columns, name="factors", title="Samples on two factors", caption=caption)
    )
    return {figure.name: (figure, pd.DataFrame(figure.table)) for figure in found}
