"""The plots that methods with a component of each view share, from plain tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.relations import Members, circos, links, network
from chiasma.plot.variables import arrow_plot, component_errors, correlation_circle, explained_bars

if TYPE_CHECKING:
    import pandas as pd

Drawn = dict[str, "tuple[Figure, pd.DataFrame]"]
CUTOFF = 0.7
"""Similarity from which features of different views are joined, that of mixOmics' circos plot."""
NESTED = "What is tuned was tuned without them."
"""Said of errors on held-out samples."""
_MOST_A_VIEW = 30


def matrix_figures(
    correlations: Mapping[str, pd.DataFrame],
    shares: pd.DataFrame,
    *,
    errors: Sequence[Mapping[str, Any]] | None = None,
) -> Drawn:
    """Variance explained; from two components on, features in the circle of correlations; errors where there are any.

    Args:
        correlations: of each view, features as rows and components as columns.
        shares: of variance (view, component).
        errors: on held-out samples, rows of `component_errors`, what is tuned tuned without them.
    """
    drawn: Drawn = {"explained": explained_bars(shares)}
    if shares.shape[1] > 1:
        drawn["variables"] = correlation_circle(correlations)
    if errors is not None:
        drawn["component_errors"] = component_errors(errors, note=NESTED)
    return drawn


def view_figures(
    correlations: Mapping[str, pd.DataFrame],
    shares: pd.DataFrame,
    variates: Mapping[str, np.ndarray],
    *,
    related: tuple[Members, np.ndarray] | None = None,
    classes: Sequence[Any] | None = None,
) -> Drawn:
    """As `matrix_figures`, and arrows, circos and network of several views; the last two where features are alike.

    Args:
        correlations: of each view, features as rows and components as columns.
        shares: of variance (view, component).
        variates: of each view in the train part (sample, component).
        related: features as (view, name) and their similarity; by default of the thirty in each view that follow the
            components most, the sum over components of the products of their correlations.
        classes: class of each sample of the train part.
    """
    drawn = matrix_figures(correlations, shares)
    count = len(next(iter(variates.values())))
    samples = [str(number) for number in range(count)]
    drawn["arrows"] = arrow_plot(variates, samples=samples, classes=classes)
    members, similarity = _strongest(correlations) if related is None else related
    if len(links(members, similarity, cutoff=CUTOFF)):
        drawn["circos"] = circos(members, similarity, cutoff=CUTOFF)
        drawn["network"] = network(members, similarity, cutoff=CUTOFF)
    return drawn


def _strongest(correlations: Mapping[str, pd.DataFrame]) -> tuple[Members, np.ndarray]:
    members, profiles = [], []
    for view, table in correlations.items():
        length = (table.to_numpy() ** 2).sum(axis=1)
        best = np.sort(np.argsort(-length, kind="stable")[:_MOST_A_VIEW])
        members += [(view, str(table.index[row])) for row in best]
        profiles.append(table.to_numpy()[best])
    profile = np.concatenate(profiles)
    return members, profile @ profile.T
