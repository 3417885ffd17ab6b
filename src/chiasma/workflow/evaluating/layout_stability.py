"""How much representations change from seed to seed and from subsample to subsample, side by side with PCA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.fit.contracts import STUDY, fit_representation
from chiasma.metrics.embedding import neighbourhoods
from chiasma.metrics.embedding_stability import stability
from chiasma.workflow.fitted import as_frames
from chiasma.workflow.fitting.head import factors_of
from chiasma.workflow.method import load_method

if TYPE_CHECKING:
    import pandas as pd

_SHARE = 0.8
"""Samples in a subsample."""


def layout_stability(
    methods: Sequence[str],
    data: Dataset,
    *,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    configs: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str = "default",
    measured: Matrix | Views | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Fit each method once a seed to all samples, and once a seed to a random four fifths of them.

    Args:
        methods: names of methods without a target, for instance pca, umap, tsne, graph-umap, autoencoder. One that
            takes one matrix is given all views side by side, features standardised, each view of the same weight.
        data: samples; labels are not looked at.
        seeds: two or more; of the method's randomness, and of the subsamples.
        configs: fields by method that differ from the preset.
        preset: of every method.
        measured: what neighbourhoods and distances are compared with, over the samples of `data`, features standardised
            and each view of the same weight; by default what `data` holds.
        device: auto, cpu, cuda or mps, for methods that train on one.

    Returns:
        Rows of method, over ("seeds" or "subsamples"), and means over fits: trustworthiness, continuity,
        neighbour_recall, distance_correlation, with the standard deviation of trustworthiness over fits; and, over
        pairs of fits after alignment, spread (0 is the same layout) and overlap (share of neighbours in common).

    Raises:
        UsageError: fewer than two seeds, or a method that has a target.
    """
    import pandas as pd

    if len(seeds) < 2:
        raise UsageError("stability needs two seeds or more", got=list(seeds))
    rows = []
    everyone = np.arange(len(data))
    for name in methods:
        for over in ("seeds", "subsamples"):
            members = [everyone if over == "seeds" else _subsample(len(data), seed) for seed in seeds]
            config = dict((configs or {}).get(name, {}))
            placed = [
                _embed(name, data.take(who), seed, config, preset=preset, device=device)
                for seed, who in zip(seeds, members)
            ]
            space = measured if measured is not None else data.x
            assert isinstance(space, Matrix | Views)
            found = [(_beside(space.take(who)).values, factors) for factors, who in zip(placed, members)]
            rows.append({"method": name, "over": over, **_scores(found, members)})
    return pd.DataFrame(rows)


def _subsample(n: int, seed: int) -> np.ndarray:
    kept = generator(seed, "subsample").permutation(n)[: max(3, round(_SHARE * n))]
    return np.sort(kept)


def _embed(name: str, data: Dataset, seed: int, config: dict[str, Any], *, preset: str, device: str) -> np.ndarray:
    """Factors (sample, factor)."""
    method = load_method(name)
    if not method.card.represents:
        raise UsageError(f"{name} has a target", expected="a method without one: chiasma list", got=name)
    if "random_state" in method.config_class.model_fields:
        config = {**config, "random_state": seed}
    model = method.module("model").build(method.configure(config, preset=preset))
    x: Any = data.x
    if method.card.data == "matrix":
        x = _beside(data.x) if isinstance(data.x, Views) else data.x
    elif isinstance(data.x, Matrix):
        x = Views({"matrix": data.x})
    frames = as_frames(x)
    given = Dataset(data.ids, x, data.target, data.unit, data.unit_name, data.columns)
    procedure = method.card.contract == "procedure"
    fit_representation(model, given, frames, procedure=procedure, seed=seed, device=device)
    return factors_of(model, frames, study=data.columns.get(STUDY))


def _beside(x: Any) -> Matrix:
    """All views side by side, standardised, 0 where missing, each view of total variance 1."""
    blocks = x.blocks if isinstance(x, Views) else {"": x}
    values, names = [], []
    for view, block in blocks.items():
        spread = np.nanstd(block.values, axis=0)
        scaled = (block.values - np.nanmean(block.values, axis=0)) / np.where(spread > 0, spread, 1.0)
        values.append(np.nan_to_num(scaled) / np.sqrt(max(int((spread > 0).sum()), 1)))
        names += [f"{view}:{feature}" if view else str(feature) for feature in block.features]
    return Matrix(np.hstack(values), next(iter(blocks.values())).samples, np.asarray(names, dtype=object))


def _scores(found: Sequence[tuple[np.ndarray, np.ndarray]], members: Sequence[np.ndarray]) -> dict[str, float]:
    kept = [neighbourhoods(values, factors) for values, factors in found]
    each = {
        metric: [float(one[metric](np.ones((1, len(who))))[0]) for one, who in zip(kept, members)] for metric in kept[0]
    }
    alike = stability([factors for _, factors in found], members=members)
    scores = {metric: float(np.mean(values)) for metric, values in each.items()}
    if "trustworthiness" in each:
        scores["trustworthiness_sd"] = float(np.std(each["trustworthiness"], ddof=1))
    return {**scores, "spread": float(alike.spread.mean()), "overlap": float(alike.overlap.mean())}
