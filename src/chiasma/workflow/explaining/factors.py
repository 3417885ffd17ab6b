"""What the factors of a representation are made of: loadings, shares of variance, samples, the method's own figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import read_json, write_text
from chiasma.data.split import DROPPED
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.head import Headed, representation_of
from chiasma.workflow.loading.prepare import Prepared


def interpret_factors(fitted: Fitted, prepared: Prepared, *, folder: Path) -> None:
    """Write loadings.tsv, explained.tsv, head.tsv and variates.tsv as far as the method has them, and its figures.

    Args:
        fitted: the model, with or without a head.
        prepared: data and split; the samples of all parts are placed.
        folder: explain/ of the run; figures go to figures/ beside it.
    """
    from chiasma.explain.loadings import write_loadings
    from chiasma.workflow.evaluating.sample_scores import factor_rows, write_variates
    from chiasma.workflow.fitting.cross_validate import stability_tables

    representation = representation_of(fitted.model)
    if hasattr(representation, "loadings"):
        path = folder.parent / "cross_validation.json"
        rows = read_json(path)["stability"] if path.exists() else []
        write_loadings(folder, representation.loadings(), stability=stability_tables(rows) if rows else None)
    if hasattr(representation, "explained"):
        _write_explained(folder, representation.explained())
    if isinstance(fitted.model, Headed):
        text = fitted.model.weights().to_csv(sep="\t", float_format="%.6g", lineterminator="\n")
        write_text(folder / "head.tsv", text)
    data = prepared.dataset.take(np.flatnonzero(prepared.split.part != DROPPED))
    write_variates(folder, factor_rows(fitted.factors(data), fitted.meta["factors"], data))
    if hasattr(representation, "figures"):
        write_figures(folder.parent / "figures", representation.figures())


def _write_explained(folder: Path, table: Any) -> None:
    """explained.tsv: one row a view and factor with the share of the view's variance (0 to 1)."""
    lines = ["view\tfactor\tshare"]
    for view, row in table.iterrows():
        lines += [f"{view}\t{factor}\t{float(share):.6g}" for factor, share in row.items()]
    write_text(folder / "explained.tsv", "\n".join(lines) + "\n")


def write_figures(folder: Path, figures: Any) -> None:
    """NAME.svg, and NAME.csv with the tidy table that belongs to it."""
    from chiasma.plot.style import save_figure

    for _, (figure, table) in figures.items():
        _, path = save_figure(folder, figure)
        write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
