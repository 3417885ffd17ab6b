"""Hidden units of networks on haplotypes beside summary statistics: a table, a figure, and what they say in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import write_json, write_text
from chiasma.data.dataset import Dataset
from chiasma.explain.hidden_units import HiddenUnits, correlate_units
from chiasma.workflow.fitted import Fitted

NAME = "hidden_units"
MOST_REGIONS = 1_000
WHERE = "held-out simulations"


def has_units(fitted: Any) -> bool:
    """Whether the network tells its last hidden layer, and with which weights it enters the answer."""
    return isinstance(fitted, Fitted) and all(hasattr(fitted.model, name) for name in ("hidden", "weights"))


def explain_units(fitted: Fitted, data: Dataset, *, folder: Path, where: str) -> HiddenUnits:
    """Write hidden_units.tsv, hidden_units.svg and notes.json.

    Args:
        fitted: a network of which `has_units`.
        data: regions or windows.
        folder: where to write.
        where: what they are, for the reader.
    """
    from chiasma.plot.hidden_units import unit_correlations
    from chiasma.plot.style import save_figure
    from chiasma.workflow.fitting.simulations_kept import statistics_of

    names, values = statistics_of(fitted.config, data)
    found = correlate_units(hidden_layer(fitted, data), values, statistics=names, weight=fitted.model.weights())
    table = found.table()
    rows = ["\t".join(table), *("\t".join(map(_cell, row)) for row in zip(*table.values(), strict=True))]
    write_text(folder / f"{NAME}.tsv", "\n".join(rows) + "\n")
    order = found.order
    figure = unit_correlations(found.correlation[order], found.weight[order], names, table, n=found.n)
    save_figure(folder, figure)
    write_json(folder / "notes.json", {"regions": where, "messages": [said(found, where)]})
    return found


def hidden_layer(fitted: Fitted, data: Dataset) -> np.ndarray:
    """The last hidden layer of each region, float64 (example, unit)."""
    import torch

    task = fitted.method.module("task").make_task(fitted.config, data, None, meta=fitted.meta["task"])
    model = fitted.model.eval()
    with torch.no_grad():
        layers = [
            model.hidden(batch["alleles"], batch["distances"]).double().numpy() for batch in task.batches("all", 0, 0)
        ]
    return np.concatenate(layers)


def said(found: HiddenUnits, where: str) -> str:
    """The statistics that go most with units, in a sentence."""
    strongest = np.nanmax(np.abs(np.nan_to_num(found.correlation)), axis=0)
    first = np.argsort(-strongest, kind="stable")[:3]
    best = ", ".join(f"{found.statistics[i]} ({strongest[i]:.2f})" for i in first)
    return (
        f"Over {found.n:,} {where}, the statistics that some hidden unit follows most closely, by rank correlation: "
        f"{best}. {found.constant} of {len(found.weight)} units gave all of them the same number. A correlation is no "
        "proof that the network computes the statistic."
    )


def _cell(value: Any) -> str:
    return "" if value != value else f"{value:.6g}" if isinstance(value, float) else str(value)
