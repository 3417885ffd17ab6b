"""The structure of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chiasma.core.files import plain
from chiasma.data.results import Estimate
from chiasma.stats.slices import Slice


def metrics_document(
    test: Mapping[str, Estimate],
    baselines: Mapping[str, Mapping[str, Estimate]],
    *,
    slices: Sequence[Slice] = (),
    ratios: Mapping[str, Mapping[str, Estimate]] | None = None,
    negatives: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What metrics.json holds, JSON-ready; figures that are undefined are null.

    Args:
        test: metric to estimate on the test part.
        baselines: rival to its metrics there.
        slices: metrics by slice.
        ratios: areas by class ratio, from `bootstrap_ratios`.
        negatives: what the negatives are.
        extra: further top-level keys, for instance the reasons for undefined figures.
    """
    document: dict[str, Any] = {
        "test": _figures(test),
        "baselines": {name: _figures(figures) for name, figures in baselines.items()},
    }
    if slices:
        document["slices"] = [part.to_dict() for part in slices]
    if ratios:
        document["ratios"] = {ratio: _figures(figures) for ratio, figures in ratios.items()}
    if negatives is not None:
        document["negatives"] = negatives
    return plain({**document, **(extra or {})})


def _figures(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_dict() for name, estimate in estimates.items()}
