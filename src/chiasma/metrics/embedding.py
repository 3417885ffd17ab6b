"""How much of the samples a representation keeps: values, neighbours, distances.

Every score is a function of how often each sample counts, so that all draws of a bootstrap are made at once: weights
(draw, sample) in, values (draw,) out.

Sources: trustworthiness and continuity, Venna and Kaski 2001 (ICANN, LNCS 2130:485); the share of nearest neighbours
kept is 1 - the loss of Lee and Verleysen's Q_NX (2009, Neurocomputing 72:1431); rank correlation of distances as in
Kobak and Berens 2019 (Nat Commun 10:5416).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 15
"""Neighbours looked at, fewer where there are not twice as many samples."""
LEAST = 5
"""Samples below which neighbourhoods say nothing."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A share that is kept: 1 - what is lost over what there was, each summed over samples.

    Attributes:
        lost: of each sample (sample,).
        whole: of each sample (sample,).
    """

    lost: np.ndarray
    whole: np.ndarray

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """The share under weights (draw, sample) -> (draw,); NaN where there was nothing."""
        whole = weights @ self.whole
        lost = np.divide(weights @ self.lost, whole, out=np.full(len(weights), np.nan), where=whole > 0)
        return 1.0 - lost

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Both, as they are written."""
        return self.lost, self.whole


@dataclass(frozen=True, eq=False)
class Agreement:
    """Correlation over pairs of samples of two tables of ranks; a pair counts as often as both its samples.

    Under weights the ranks stay those of all samples, and a sample drawn twice makes no pair with itself.

    Attributes:
        first: ranks of the pairs, in the order of `scipy.spatial.distance.squareform` (pair,).
        second: the other ranks (pair,).
    """

    first: np.ndarray
    second: np.ndarray

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """The correlation under weights (draw, sample) -> (draw,); NaN where a table does not vary."""
        from scipy.spatial.distance import squareform

        one, two = (squareform(_standard(ranks), checks=False) for ranks in (self.first, self.second))
        total = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
        total = np.where(total > 0, total, np.nan)

        def mean(table: np.ndarray) -> np.ndarray:
            return np.einsum("ds,ds->d", weights @ table, weights) / total

        m1, m2 = mean(one), mean(two)
        spread = (mean(one * one) - m1**2) * (mean(two * two) - m2**2)
        spread = np.where(spread > 1e-12, spread, np.nan)
        return (mean(one * two) - m1 * m2) / np.sqrt(spread)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Both, as they are written."""
        return self.first, self.second


Score = Kept | Agreement
"""A figure of a representation as a function of weights (draw, sample)."""


def reconstruction(truth: Mapping[str, np.ndarray], rebuilt: Mapping[str, np.ndarray]) -> dict[str, Kept]:
    """Share of the squared deviation from 0 that a reconstruction explains, "all" and by view.

    Args:
        truth: standardised values of each view (sample, feature), so that 0 is the train mean; NaN where not measured.
        rebuilt: what the representation says of them, standardised alike.

    Returns:
        R2 of each view; in "all" a view weighs as much as another, whatever its number of features.
    """
    found = {}
    for name, values in truth.items():
        known = ~np.isnan(values)
        size = max(values.shape[1], 1)
        lost = np.where(known, (values - rebuilt[name]) ** 2, 0.0).sum(axis=1) / size
        found[name] = Kept(lost, np.where(known, values**2, 0.0).sum(axis=1) / size)
    both = (np.sum([kept.arrays[part] for kept in found.values()], axis=0) for part in (0, 1))
    return {"all": Kept(*both), **found}


def neighbourhoods(given: np.ndarray, embedded: np.ndarray, *, k: int = NEIGHBOURS) -> dict[str, Score]:
    """How well neighbours and distances among samples (sample, feature) are kept in an embedding (sample, factor).

    Returns:
        trustworthiness (neighbours in the embedding are neighbours indeed), continuity (neighbours stay neighbours),
        neighbour_recall (share of the k nearest that are kept) and distance_correlation (Spearman of all distances).
        Nothing where there are fewer than LEAST samples; k is at most half of the others.
    """
    from scipy.spatial.distance import pdist, squareform
    from scipy.stats import rankdata

    n = len(given)
    if n < LEAST:
        return {}
    k = neighbours_of(n, k)
    one, two = pdist(given), pdist(embedded)
    rank_given, rank_embedded = _neighbour_ranks(squareform(one)), _neighbour_ranks(squareform(two))
    near_given, near_embedded = rank_given <= k, rank_embedded <= k
    np.fill_diagonal(near_given, False)
    np.fill_diagonal(near_embedded, False)
    most = 2.0 / (k * (2 * n - 3 * k - 1))
    intruders = np.where(near_embedded, np.maximum(rank_given - k, 0), 0).sum(axis=1) * most
    lost = np.where(near_given, np.maximum(rank_embedded - k, 0), 0).sum(axis=1) * most
    recall = (near_given & near_embedded).sum(axis=1) / k
    ones = np.ones(n)
    return {
        "trustworthiness": Kept(intruders, ones),
        "continuity": Kept(lost, ones),
        "neighbour_recall": Kept(1.0 - recall, ones),
        "distance_correlation": Agreement(rankdata(one), rankdata(two)),
    }


def neighbours_of(n: int, k: int = NEIGHBOURS) -> int:
    """How many neighbours are looked at among n samples: k, and fewer than half of them."""
    return max(1, min(k, (n - 1) // 2))


def _neighbour_ranks(distance: np.ndarray) -> np.ndarray:
    """Rank of each sample among the others of a row: 1 is the nearest, 0 the sample itself (sample, sample)."""
    distance = distance.copy()
    np.fill_diagonal(distance, -1.0)
    order = np.argsort(distance, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(distance))[None, :], axis=1)
    return ranks


def _standard(ranks: np.ndarray) -> np.ndarray:
    """Ranks (pair,) with mean 0 and spread 1; zeros where they do not vary."""
    spread = ranks.std()
    return (ranks - ranks.mean()) / spread if spread > 0 else np.zeros_like(ranks, dtype=float)
