"""Canonical components of several sets of cells, warped onto each other (AlignSubspace; Butler et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.stats.cells.dtw import mean_match, warp

GENES_LOOKED_AT = 2000
"""Genes with the largest loadings in both sets, among which those that follow the component are sought."""
LOW, HIGH = 0.025, 0.975
"""Quantiles that are brought to 0 and 1 before warping."""


@dataclass(frozen=True)
class AlignmentRules:
    """How components are warped.

    Attributes:
        n_genes: genes in a metagene.
        band: reach of the warping path, as a share of the reference's cells.
        faithful: weigh genes by their signed loading alone, as the original did in effect; else by the size of the
            loading and the sign of the correlation, in which both sets agree.
    """

    n_genes: int = 30
    band: float = 1.0
    faithful: bool = False


def align_components(
    scores: Sequence[np.ndarray], scaled: Sequence[np.ndarray], rules: AlignmentRules
) -> list[np.ndarray]:
    """Scores of every set on common scales (cell, component), one array a set; columns standardised over all cells.

    The largest set is the reference, and keeps its order and spacing. For each component and each other set, the genes
    that follow the component in both sets make a metagene; cells in the order of their scores are warped along it onto
    the reference, and take the mean score of those they meet.

    Args:
        scores: canonical scores of each set (cell, component).
        scaled: standardised features of each set (cell, feature).
        rules: see there.
    """
    reference = int(np.argmax([len(values) for values in scores]))
    aligned = [values.astype(np.float64).copy() for values in scores]
    for component in range(scores[0].shape[1]):
        for number in range(len(scores)):
            if number == reference:
                continue
            aligned[number][:, component] = _warped(
                (scores[reference][:, component], scores[number][:, component]),
                (scaled[reference], scaled[number]),
                rules,
            )
    whole = np.vstack(aligned)
    spread = whole.std(axis=0, ddof=1)
    centre, gain = whole.mean(axis=0), np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    return [(values - centre) * gain for values in aligned]


def _warped(
    scores: tuple[np.ndarray, np.ndarray], scaled: tuple[np.ndarray, np.ndarray], rules: AlignmentRules
) -> np.ndarray:
    """Scores of the second set in terms of the first (cell,)."""
    loadings = [values.T @ score for values, score in zip(scaled, scores)]
    genes, sign = shared_genes(scores, scaled, loadings, rules.n_genes)
    order = [np.argsort(score, kind="stable") for score in scores]
    series = []
    for values, loading, cells in zip(scaled, loadings, order):
        weight = loading[genes] if rules.faithful else np.abs(loading[genes]) * sign
        series.append(_to_range(values[cells][:, genes] @ weight))
    first = series[0] + _shift(series[0], series[1])
    path = warp(series[1], first, band=rules.band)
    found = np.empty(len(scores[1]))
    found[order[1]] = mean_match(path, scores[0][order[0]], len(scores[1]))
    return found


def shared_genes(
    scores: Sequence[np.ndarray], scaled: Sequence[np.ndarray], loadings: Sequence[np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Genes that follow a component the same way in all sets, the closest first, and the sign of their correlation.

    Args:
        scores: of each set on the component (cell,).
        scaled: standardised features of each set (cell, feature).
        loadings: of the features on the component in each set (feature,).
        count: genes wanted; where no gene agrees in sign, the closest ones with the first set's sign.
    """
    ranks = np.min([np.argsort(np.argsort(np.abs(loading), kind="stable")) for loading in loadings], axis=0)
    best = np.argsort(-ranks, kind="stable")[:GENES_LOOKED_AT]
    correlation = np.stack([midcorrelation(values[:, best], score) for values, score in zip(scaled, scores)])
    agree = (np.sign(correlation) == np.sign(correlation[0])).all(axis=0) & (correlation[0] != 0)
    strength = np.abs(correlation).min(axis=0)
    if agree.any():
        strength = np.where(agree, strength, -1.0)
        count = min(count, int(agree.sum()))
    chosen = np.argsort(-strength, kind="stable")[:count]
    sign = np.where(correlation[0, chosen] < 0, -1.0, 1.0)
    return best[chosen], sign


def midcorrelation(values: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Biweight midcorrelation of each feature (cell, feature) with a score (cell,), robust to outliers (feature,)."""
    weighted = _biweight(values)
    one = _biweight(score[:, None])
    return (weighted * one).sum(axis=0)


def _biweight(values: np.ndarray) -> np.ndarray:
    """Centred by the median, weighted down with distance, of unit length; by mean and spread where the MAD is 0."""
    centred = values - np.median(values, axis=0)
    spread = np.median(np.abs(centred), axis=0)
    scaled = np.divide(centred, 9 * spread, out=np.zeros_like(centred), where=spread > 0)
    weight = np.where(np.abs(scaled) < 1, (1 - scaled**2) ** 2, 0.0)
    found = np.where(spread > 0, centred * weight, values - values.mean(axis=0))
    length = np.sqrt((found**2).sum(axis=0))
    return np.divide(found, length, out=np.zeros_like(found), where=length > 0)


def _to_range(series: np.ndarray) -> np.ndarray:
    low, high = np.quantile(series, [LOW, HIGH])
    return (series - low) / (high - low) if high > low else series - low


def _shift(reference: np.ndarray, other: np.ndarray) -> float:
    """The smallest difference of the two series' quantiles between the 10th and the 90th per cent."""
    steps = np.arange(100, 901) / 1000
    gap = np.quantile(other, steps) - np.quantile(reference, steps)
    return float(gap[np.abs(gap).argmin()])
